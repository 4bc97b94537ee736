#include "routes/ops/operation.h"

#include <algorithm>
#include <charconv>

namespace breakwater::routes {
namespace {

const std::string kNone;
const std::vector<std::string> kNoWords;

constexpr std::string_view kDryRun = "dry_run";
constexpr int64_t kSpanMax = 1'000'000;  // of a unit

std::string names_of(const Operation& operation) {
  std::string names;
  for (const auto& parameter : operation.parameters)
    names += (names.empty() ? "" : ", ") + std::string(parameter.name);
  if (operation.effect == Operation::Effect::act) names += (names.empty() ? "" : ", ") + std::string(kDryRun);
  return names.empty() ? "it takes none" : "it takes " + names;
}

tl::unexpected<Error> wrong(const std::string& message) { return failure(Error::Kind::invalid, message); }

Result<> check_value(const std::string& name, const std::vector<std::string>& values, Parameter::Kind kind) {
  if (kind != Parameter::Kind::words && values.size() > 1)
    return wrong("\"" + name + "\" is given more than once");
  const bool is_truth = values.front() == "true" || values.front() == "false";
  if (kind == Parameter::Kind::flag && !is_truth) return wrong("\"" + name + "\" is true or false");
  return {};
}

}  // namespace

const std::string& Arguments::word(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() || found->second.empty() ? kNone : found->second.front();
}

const std::vector<std::string>& Arguments::words(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? kNoWords : found->second;
}

Result<uint64_t> number_of(const Arguments& arguments, std::string_view name, uint64_t absent, uint64_t least,
                           uint64_t most) {
  const auto& text = arguments.word(name);
  if (text.empty()) return absent;
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  const bool is_number = parsed.ec == std::errc() && parsed.ptr == end;
  if (is_number && number >= least && number <= most) return number;
  return wrong("\"" + std::string(name) + "\" is a number from " + std::to_string(least) + " to " +
               std::to_string(most) + ", not \"" + text + "\"");
}

Result<std::optional<store::Time::duration>> span_of(const Arguments& arguments, std::string_view name) {
  const auto& text = arguments.word(name);
  if (!arguments.has(name)) return std::nullopt;
  int64_t count = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, count);
  const std::string_view unit(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  const bool is_count = parsed.ec == std::errc() && count > 0 && count <= kSpanMax;
  if (is_count && unit == "m") return std::chrono::minutes(count);
  if (is_count && unit == "h") return std::chrono::hours(count);
  if (is_count && unit == "d") return std::chrono::hours(24 * count);
  return wrong("\"" + std::string(name) + "\" is a time such as 90m, 24h or 7d, not \"" + text + "\"");
}

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<> check(const Arguments& given, const Operation& operation) {
  for (const auto& [name, values] : given.all()) {
    const auto known =
        std::find_if(operation.parameters.begin(), operation.parameters.end(),
                     [&of = name](const Parameter& parameter) { return parameter.name == of; });
    const bool is_dry_run = name == kDryRun && operation.effect == Operation::Effect::act;
    if (name == kLender && operation.files != Operation::Files::none) continue;
    if (known == operation.parameters.end() && !is_dry_run)
      return wrong("unknown parameter \"" + name + "\"; " + names_of(operation));
    auto right = check_value(name, values, is_dry_run ? Parameter::Kind::flag : known->kind);
    if (!right) return right;
  }
  for (const auto& parameter : operation.parameters) {
    if (parameter.is_required && given.word(parameter.name).empty())
      return wrong("\"" + std::string(parameter.name) +
                   "\" is empty or missing: " + std::string(parameter.help));
  }
  return operation.check == nullptr ? Result<>() : operation.check(given);
}

}  // namespace breakwater::routes
