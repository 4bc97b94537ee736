#include "routes/mirror/page_origin.h"

#include <algorithm>
#include <string_view>

namespace breakwater::routes {
namespace {

constexpr std::string_view kOf = "of=";

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 2 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<PageOrigin> page_origin(const proxy::Upstreams& upstreams, std::string query) {
  PageOrigin origin;
  origin.query = std::move(query);
  const auto at = origin.query.rfind('&') + 1;  // 0 if there is no &
  const auto last = std::string_view(origin.query).substr(at);
  if (upstreams.size() == 1 || !last.starts_with(kOf) || !is_number(last.substr(kOf.size()))) return origin;
  const auto index = std::stoul(std::string(last.substr(kOf.size())));
  if (index >= upstreams.size())
    return failure(Error::Kind::invalid, "the list began at an upstream that is not configured any more");
  origin.upstream = &upstreams[index];
  origin.query.resize(at == 0 ? 0 : at - 1);
  return origin;
}

std::string origin_mark(const proxy::Upstreams& upstreams, const proxy::RegistryClient* upstream) {
  if (upstreams.size() == 1 || upstream == nullptr) return {};
  size_t index = 0;
  while (&upstreams[index] != upstream) ++index;
  return "&" + std::string(kOf) + std::to_string(index);
}

std::string marked(std::string link, const std::string& mark) {
  if (!link.empty()) link.insert(link.find('>'), mark);
  return link;
}

}  // namespace breakwater::routes
