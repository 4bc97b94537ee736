#include "routes/link_header.h"

#include "proxy/http.h"

namespace breakwater::routes {
namespace {

// The target of the first link in `text` whose relation is "next".
std::string_view next_target(std::string_view text) {
  while (true) {
    const size_t open = text.find('<');
    if (open == std::string_view::npos) return {};
    const size_t close = text.find('>', open);
    if (close == std::string_view::npos) return {};
    const size_t following = text.find(',', close);
    const auto parameters = text.substr(close + 1, following == std::string_view::npos ? following : following - close - 1);
    if (parameters.find("rel=\"next\"") != std::string_view::npos || parameters.find("rel=next") != std::string_view::npos) {
      return text.substr(open + 1, close - open - 1);
    }
    if (following == std::string_view::npos) return {};
    text.remove_prefix(following + 1);
  }
}

bool is_query_text(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '"' || c == '<') return false;
  }
  return true;
}

}  // namespace

std::string next_page_query(std::string_view upstream_link) {
  const std::string_view target = next_target(upstream_link);
  const size_t question = target.find('?');
  if (question == std::string_view::npos) return {};
  const auto query = target.substr(question + 1, target.find('#') - question - 1);
  return is_query_text(query) ? std::string(query) : std::string();
}

std::string relative_link(std::string_view upstream_link, std::string_view path, std::string_view ns) {
  const std::string query = next_page_query(upstream_link);
  if (query.empty()) return {};
  std::string link = "<" + std::string(path) + '?' + query;
  if (!ns.empty()) link += "&ns=" + proxy::percent_encode(ns);
  return link + ">; rel=\"next\"";
}

}  // namespace breakwater::routes
