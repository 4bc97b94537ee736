#include "routes/access/issuer_keys.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "proxy/http/url.h"

namespace breakwater::routes {
namespace {

const std::string kTheFetch = "fetch";  // there is one

// May block. `invalid` if there is no such regular file; of a long one no more is read than shows that.
Result<std::string> read_bounded(const std::string& path) {
  std::error_code error;
  std::ifstream file;
  if (std::filesystem::is_regular_file(path, error)) file.open(path, std::ios::binary);
  if (!file.is_open()) return failure(Error::Kind::invalid, path + " cannot be read");
  std::string text(KeySet::kJsonBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

IssuerKeys::IssuerKeys(const Parts& parts, std::string issuer, std::string keys_file,
                       const IssuerKeysTiming& timing, std::function<void()> key_gone)
    : parts_(parts),
      issuer_(std::move(issuer)),
      keys_file_(std::move(keys_file)),
      timing_(timing),
      key_gone_(std::move(key_gone)),
      fetches_(parts.loop) {}

proxy::Task<Result<IssuerKeys::Shared>> IssuerKeys::get(std::optional<std::string> id,
                                                        SigningAlgorithm algorithm) {
  const bool was_known = is_known(id, algorithm);
  if (was_known && is_fresh()) co_return keys_;
  const bool may_fetch = !fetch_not_before_ || parts_.clock.now() >= *fetch_not_before_;
  if (may_fetch || fetches_.has(kTheFetch)) {
    const proxy::Millis wait(was_known ? timing_.refresh_wait_ms : timing_.unknown_wait_ms);
    const proxy::Moment deadline = parts_.loop.now() + wait;
    proxy::SingleFlight<Result<>>::Begin begin = [this] { return fetch(); };
    static_cast<void>(co_await fetches_.join_until(kTheFetch, std::move(begin), deadline));
  }
  if (is_known(id, algorithm)) co_return keys_;
  const bool has_asked = keys_ != nullptr && failure_.empty() && !fetches_.has(kTheFetch);
  if (has_asked) co_return keys_;
  co_return failure(unavailable());
}

Error IssuerKeys::unavailable() const {
  Error error;
  error.kind = Error::Kind::unavailable;
  error.message = "the keys of the issuer " + issuer_ + " cannot be had" +
                  (failure_.empty() ? " in time" : ": " + failure_);
  const auto wait = std::chrono::ceil<std::chrono::seconds>(*fetch_not_before_ - parts_.clock.now());
  error.retry_after_s = std::max<int64_t>(wait.count(), 1);
  return error;
}

proxy::Task<Result<>> IssuerKeys::fetch() {
  fetch_not_before_ = parts_.clock.now() + timing_.fetch_again_after;
  auto keys = co_await read();
  if (!keys) {
    failure_ = keys.error().message;
    parts_.log.warning("oidc_keys_not_fetched", {{"issuer", issuer_}, {"reason", failure_}});
    co_return failure(keys.error());
  }
  failure_.clear();
  replace(std::move(*keys));
  co_return Result<>();
}

void IssuerKeys::replace(KeySet keys) {
  const Shared before = std::exchange(keys_, std::make_shared<const KeySet>(std::move(keys)));
  fresh_until_ = parts_.clock.now() + timing_.fresh_for;
  const bool is_less = before != nullptr && !keys_->has_all_of(*before);
  const bool is_more = before == nullptr || !before->has_all_of(*keys_);
  if (is_less || is_more)
    parts_.log.info("oidc_keys_changed",
                    {{"issuer", issuer_}, {"keys", static_cast<int64_t>(keys_->size())}});
  if (is_less) key_gone_();
}

proxy::Task<Result<KeySet>> IssuerKeys::read() {
  auto text = keys_file_.empty() ? discover() : read_file();
  auto json = co_await std::move(text);
  if (!json) co_return failure(json.error());
  auto job = [owned = std::move(*json)] { return KeySet::parse(owned); };
  co_return co_await parts_.workers.run(std::move(job));
}

proxy::Task<Result<std::string>> IssuerKeys::read_file() {
  auto job = [path = keys_file_] { return read_bounded(path); };
  co_return co_await parts_.workers.run(std::move(job));
}

proxy::Task<Result<std::string>> IssuerKeys::discover() {
  std::string base = issuer_;
  while (base.ends_with('/')) base.pop_back();
  auto discovery = co_await ask(base + "/.well-known/openid-configuration", kDiscoveryBytesMax);
  if (!discovery) co_return failure(discovery.error());
  const auto uri = jwks_uri_of(*discovery, issuer_);
  if (!uri) co_return failure(uri.error());
  const auto url = proxy::Url::parse(*uri);
  if (!url) co_return failure(Error::Kind::corrupt, "its jwks_uri is no URL: " + url.error().message);
  if (issuer_.starts_with("https:") && !url->secure())
    co_return failure(Error::Kind::corrupt, "its jwks_uri is not https: " + url->without_query());
  co_return co_await ask(url->text(), KeySet::kJsonBytesMax);
}

proxy::Task<Result<std::string>> IssuerKeys::ask(std::string url, size_t bytes_max) {
  proxy::HttpClientRequest request("GET", std::move(url));
  request.headers.add("Accept", "application/json");
  request.timeout_ms = timing_.request_timeout_ms;
  const auto shown = proxy::Url::parse(request.url);
  auto reply = co_await parts_.http_client.fetch(std::move(request), bytes_max);
  if (!reply) co_return failure(reply.error());
  if (reply->head.status != 200)
    co_return failure(Error::Kind::unavailable, (shown ? shown->without_query() : issuer_) + " answers " +
                                                    std::to_string(reply->head.status));
  co_return std::move(reply->body);
}

}  // namespace breakwater::routes
