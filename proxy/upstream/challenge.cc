#include "proxy/upstream/challenge.h"

#include <algorithm>
#include <optional>

namespace breakwater::proxy {
namespace {

constexpr std::string_view kTokenSymbols = "!#$%&'*+-.^_`|~";

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kTokenSymbols.find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string copy(text);
  for (char& c : copy)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return copy;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  void skip_spaces() { skip_all_of(" \t"); }
  void skip_separators() { skip_all_of(" \t,"); }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view token() {
    size_t size = 0;
    while (size < rest_.size() && is_token_char(rest_[size])) ++size;
    std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return token;
  }

  // The value of a parameter: a quoted string, or whatever stands there without quotes. Some registries leave
  // out the quotes although the value holds '/' or ':'.
  std::optional<std::string> value() {
    if (take('"')) return quoted();
    size_t size = std::min(rest_.find_first_of(" \t,\""), rest_.size());
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }

  // Takes the name of a parameter, which `=` follows. If something else stands here, takes nothing.
  std::optional<std::string_view> parameter_name() {
    std::string_view before = rest_;
    std::string_view name = token();
    skip_spaces();
    // In `Negotiate YII=` the text is a token68, which may end in '=' signs, and no parameter.
    bool is_parameter =
        !name.empty() && take('=') && !rest_.empty() && rest_.front() != '=' && rest_.front() != ',';
    if (is_parameter) return name;
    rest_ = before;
    return std::nullopt;
  }

  void skip_item() { rest_.remove_prefix(std::min(rest_.find(','), rest_.size())); }

 private:
  void skip_all_of(std::string_view set) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(set), rest_.size()));
  }

  std::optional<std::string> quoted() {
    std::string text;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (rest_[i] == '\\') ++i;
      if (i == rest_.size()) break;
      text.push_back(rest_[i]);
    }
    return std::nullopt;  // never closed
  }

  std::string_view rest_;
};

// False if the header cannot be understood from here on.
bool parse_parameters(Scanner& scanner, Challenge& challenge) {
  for (;;) {
    scanner.skip_separators();
    auto name = scanner.parameter_name();
    if (!name) return true;
    std::string key = lower(*name);
    scanner.skip_spaces();
    auto value = scanner.value();
    if (!value) return false;
    challenge.parameters.push_back(Challenge::Parameter{std::move(key), std::move(*value)});
  }
}

// The address without `user:password@`. The host is what stands after the last '@' before path and query, as
// every client reads it.
std::string without_userinfo(std::string_view address) {
  const size_t slashes = address.find("//");
  const bool has_authority =
      slashes == 0 || (slashes != std::string_view::npos && slashes > 0 &&
                       address.substr(0, slashes).find_first_of("/?") == std::string_view::npos);
  if (!has_authority) return std::string(address);
  const size_t begin = slashes + 2;
  const size_t end = std::min(address.find_first_of("/?", begin), address.size());
  const size_t at = address.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < begin) return std::string(address);
  return std::string(address.substr(0, begin)).append(address.substr(at + 1));
}

}  // namespace

std::string_view Challenge::get(std::string_view name) const {
  auto found = std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& parameter) {
    return parameter.name == name && !parameter.value.empty();
  });
  return found == parameters.end() ? std::string_view() : found->value;
}

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header);
  for (;;) {
    scanner.skip_separators();
    if (scanner.at_end()) return challenges;
    Challenge challenge;
    challenge.scheme = lower(scanner.token());
    if (challenge.scheme.empty()) {
      // No scheme starts here: skips to the next comma, and at least one character.
      if (!scanner.take('"')) scanner.skip_item();
      continue;
    }
    if (!parse_parameters(scanner, challenge)) return challenges;
    challenges.push_back(std::move(challenge));
  }
}

std::vector<Challenge> challenges_of(const Headers& headers) {
  std::vector<Challenge> challenges;
  for (const Header& header : headers) {
    if (!same_token(header.name, "WWW-Authenticate")) continue;
    for (Challenge& challenge : parse_challenges(header.value)) challenges.push_back(std::move(challenge));
  }
  return challenges;
}

const Challenge* find_challenge(const std::vector<Challenge>& challenges, std::string_view scheme) {
  auto found = std::find_if(challenges.begin(), challenges.end(),
                            [&](const Challenge& challenge) { return challenge.scheme == scheme; });
  return found == challenges.end() ? nullptr : &*found;
}

bool is_placeholder_scope(std::string_view scope) { return scope == "repository:user/image:pull"; }

std::string token_url(std::string_view realm, std::string_view service, std::string_view scope) {
  std::string address = without_userinfo(realm.substr(0, realm.find('#')));
  char separator = address.find('?') == std::string::npos ? '?' : '&';
  auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    address.append(1, separator).append(name).append("=").append(percent_encode(value));
    separator = '&';
  };
  add("service", service);
  while (!scope.empty()) {
    const size_t size = std::min(scope.find(' '), scope.size());
    add("scope", scope.substr(0, size));
    scope.remove_prefix(std::min(size + 1, scope.size()));
  }
  return address;
}

}  // namespace breakwater::proxy
