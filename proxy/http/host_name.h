// Names of hosts, as settings and URLs write them, in the one form in which they are compared. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace breakwater::proxy {

std::string lower_case(std::string_view text);  // of ASCII letters

// The name in lower case and without a dot at its end. Nothing for what is none: labels of letters, digits,
// - and _, each of 1 to 63 characters, 253 in all. An international name is written in ASCII
// ("xn--bcher-kva.example"). A name whose last label is a number is none either, because that is a malformed
// IPv4 address.
std::optional<std::string> normal_host_name(std::string_view text);

// A host as a URL's authority has it: an IPv6 address in brackets, everything else as it is.
std::string bracketed(std::string_view host);

// Whether both names belong to the same registered domain, by the list of public suffixes
// (https://publicsuffix.org): what is below "co.uk", "github.io" or "amazonaws.com" has different owners.
// False for IP addresses and for names of one label. Both names are in normal form.
bool same_registrable_domain(const std::string& a, const std::string& b);

}  // namespace breakwater::proxy
