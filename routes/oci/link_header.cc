#include "routes/oci/link_header.h"

#include <algorithm>
#include <optional>

#include "proxy/http/http.h"

namespace breakwater::routes {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kAround = " \t\"'";
  const size_t first = text.find_first_not_of(kAround);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

// Removes the text before `separator`, and `separator`, from `text`, and returns that text.
std::string_view take_until(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const auto taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

// Whether the parameters have `rel="next"`, alone or as one relation of several.
bool name_next(std::string_view parameters) {
  while (!parameters.empty()) {
    auto value = take_until(parameters, ';');
    if (!proxy::same_token(trimmed(take_until(value, '=')), "rel")) continue;
    for (auto relations = trimmed(value); !relations.empty();) {
      if (proxy::same_token(take_until(relations, ' '), "next")) return true;
    }
  }
  return false;
}

// The index of the next comma outside quotes, which ends this link; npos if there is none.
size_t end_of_link(std::string_view text, size_t from) {
  bool quoted = false;
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (text[i] == ',' && !quoted) return i;
  }
  return std::string_view::npos;
}

// The target of the first link in `text` with the relation "next"; null if there is none, empty if `text` is
// malformed.
std::optional<std::string_view> next_target(std::string_view text) {
  while (true) {
    const size_t open = text.find('<');
    if (open == std::string_view::npos) return std::nullopt;
    const size_t close = text.find('>', open);
    if (close == std::string_view::npos) return std::string_view();
    const size_t following = end_of_link(text, close);
    if (name_next(text.substr(close + 1,
                              following == std::string_view::npos ? following : following - close - 1))) {
      return text.substr(open + 1, close - open - 1);
    }
    if (following == std::string_view::npos) return std::nullopt;
    text.remove_prefix(following + 1);
  }
}

bool is_query_text(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '"' ||
        c == '<')
      return false;
  }
  return true;
}

}  // namespace

Result<std::string> next_page_query(std::string_view upstream_link) {
  const auto target = next_target(upstream_link);
  if (!target) return std::string();
  const size_t question = target->find('?');
  const auto query = question == std::string_view::npos
                         ? std::string_view()
                         : target->substr(question + 1, target->find('#') - question - 1);
  if (query.empty() || !is_query_text(query))
    return failure(Error::Kind::corrupt, "upstream's link to its next page is of no use");
  return std::string(query);
}

std::string relative_link(std::string_view upstream_link, std::string_view path, std::string_view ns) {
  const auto query = next_page_query(upstream_link);
  if (!query || query->empty()) return {};
  std::string link = "<" + std::string(path) + '?' + *query;
  if (!ns.empty()) link += "&ns=" + proxy::percent_encode(ns);
  return link + ">; rel=\"next\"";
}

}  // namespace breakwater::routes
