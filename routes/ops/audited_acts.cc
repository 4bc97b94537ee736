#include "routes/ops/audited_acts.h"

#include <array>
#include <string>

#include "routes/ops/image_verbs.h"

namespace breakwater::routes {
namespace {

// The parameters that name an image, a pattern of such, or a route.
constexpr std::array<std::string_view, 3> kNames = {"image", "what", "route"};

bool is_refusal(Error::Kind kind) {
  return kind == Error::Kind::invalid || kind == Error::Kind::not_found || kind == Error::Kind::denied ||
         kind == Error::Kind::conflict || kind == Error::Kind::too_large;
}

void name_target(AuditEntry& entry, const Arguments& arguments, const RouteDirectory& directory) {
  const std::string plain_route = entry.what == "rm" ? only_registry(directory) : "";
  for (const auto name : kNames) {
    const auto& words = arguments.words(name);
    if (words.size() != 1) continue;
    if (name == "route") {
      entry.route = words.front();
      return;
    }
    const auto image = parse_image_pattern(words.front(), directory, plain_route);
    if (!image) return;
    entry.route = image->route;
    entry.repository = image->repository;
    entry.reference = image->digest ? image->digest->text() : image->tag;
    return;
  }
}

}  // namespace

AuditEntry audit_entry(const Operation& operation, const Arguments& arguments,
                       const RouteDirectory& directory) {
  AuditEntry entry;
  entry.what = operation.verb;
  for (const auto& [name, values] : arguments.all()) {
    if (name == kLender) continue;  // where a command has its folder is nobody's act
    for (const auto& value : values)
      entry.arguments.append(entry.arguments.empty() ? "" : " ").append(name).append("=").append(value);
  }
  name_target(entry, arguments, directory);
  return entry;
}

void set_outcome(AuditEntry& entry, const Result<Json>& answer) {
  entry.reason.clear();
  entry.outcome = AuditEntry::Outcome::done;
  if (!answer) {
    entry.outcome =
        is_refusal(answer.error().kind) ? AuditEntry::Outcome::refused : AuditEntry::Outcome::failed;
    entry.reason = answer.error().message;
    return;
  }
  entry.digest_before = text_of(*answer, "before");
  entry.digest_after = text_of(*answer, "digest");
  const auto tags = answer->find("tags");
  const bool is_one = tags != answer->end() && tags->is_array() && tags->size() == 1;
  if (is_one && tags->front().is_object()) entry.digest_before = text_of(tags->front(), "digest");
}

}  // namespace breakwater::routes
