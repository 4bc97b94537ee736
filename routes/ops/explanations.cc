#include "routes/ops/explanations.h"

#include <utility>

#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

using store::Reason;
using store::TagStanding;
using store::Time;
using Lines = std::vector<std::string>;

// --- as JSON

const char* name_of(TagStanding::Kind kind) {
  switch (kind) {
    case TagStanding::Kind::plain: return "plain";
    case TagStanding::Kind::protected_: return "protected";
    case TagStanding::Kind::cache: return "cache";
    case TagStanding::Kind::follows: return "follows";
    case TagStanding::Kind::orphan: return "orphan";
  }
  return "";
}

const char* name_of(Reason::Kind kind) {
  switch (kind) {
    case Reason::Kind::tag: return "tag";
    case Reason::Kind::parent: return "parent";
    case Reason::Kind::subject: return "subject";
    case Reason::Kind::lease: return "lease";
    case Reason::Kind::mirror: return "mirror";
    case Reason::Kind::promise: return "promise";
    case Reason::Kind::lease_only: return "lease_only";
    case Reason::Kind::more: return "more";
    case Reason::Kind::nothing: return "nothing";
  }
  return "";
}

Json json_of(const TagStanding& standing) {
  Json json;
  json["kind"] = name_of(standing.kind);
  if (standing.subject) json["subject"] = standing.subject->text();
  if (standing.until != Time()) json["until"] = date_text(standing.until);
  return json;
}

Json json_of(const std::vector<Reason>& reasons) {
  auto list = Json::array();
  for (const Reason& reason : reasons) {
    Json json;
    json["kind"] = name_of(reason.kind);
    if (reason.kind == Reason::Kind::tag) {
      json["tag"] = reason.tag;
      json["standing"] = json_of(reason.standing);
    }
    if (reason.digest) {
      json["digest"] = reason.digest->text();
      json["because"] = json_of(reason.because);
    }
    if (reason.until != Time()) json["until"] = date_text(reason.until);
    list.push_back(std::move(json));
  }
  return list;
}

void set_place(Json& json, const store::RepositoryKey& repository) {
  json["route"] = repository.route;
  json["repository"] = repository.repository;
}

// --- in words

std::string place_of(const Json& json) { return text_of(json, "route") + "/" + text_of(json, "repository"); }

std::string words_of_standing(const Json& standing) {
  const auto kind = text_of(standing, "kind");
  if (kind == "protected") return ", protected";
  if (kind == "cache") return ", cache: goes when room is needed";
  if (kind == "follows") return ", stays as long as " + text_of(standing, "subject") + " is here";
  if (kind == "orphan") return ", what it belongs to is not here: goes after " + text_of(standing, "until");
  return "";
}

std::string words_of_reason(const Json& reason) {
  const auto kind = text_of(reason, "kind"), until = text_of(reason, "until");
  if (kind == "tag") return "tagged " + text_of(reason, "tag") + words_of_standing(reason["standing"]);
  if (kind == "parent") return "needed by the manifest " + text_of(reason, "digest");
  if (kind == "subject") return "refers to " + text_of(reason, "digest");
  if (kind == "lease") return "leased until " + until;
  if (kind == "mirror") return "pulled through the mirror: goes when it is the least recently used";
  if (kind == "promise") return "nothing names it: untagged_after keeps it until " + until;
  if (kind == "lease_only") return "nothing but a lease keeps it";
  if (kind == "more") return "and more above that";
  return until.empty() ? "nothing keeps it: it goes now" : "nothing keeps it: it goes after " + until;
}

void add(Lines& lines, size_t depth, const std::string& text) {
  lines.push_back(std::string(2 * depth, ' ') + text);
}

void add_reasons(Lines& lines, size_t depth, const Json& reasons) {
  for (const auto& reason : reasons) {
    add(lines, depth, words_of_reason(reason));
    if (reason.contains("because")) add_reasons(lines, depth + 1, reason["because"]);
  }
}

std::string words_of_digest(const Json& told) {
  const auto digest = text_of(told, "digest");
  if (told["stored"]) {
    const auto account = text_of(told, "account");
    return digest + ": " + std::to_string(told["bytes"].get<uint64_t>()) + " bytes, on the account of " +
           (account.empty() ? "nobody" : account) + ", last used " + text_of(told, "used_at");
  }
  const bool is_known = told.contains("leased_until") || !told["repositories"].empty();
  return digest + (is_known ? ": not stored"
                            : ": never seen here, or gone: it is not stored, and nothing here names it");
}

}  // namespace

Json json_of(const store::Why& why) {
  Json json;
  json["digest"] = why.digest.text();
  json["stored"] = why.blob.has_value();
  if (why.blob) {
    json["bytes"] = why.blob->size;
    if (!why.blob->route.empty()) json["account"] = why.blob->route;
    json["used_at"] = date_text(why.blob->used_at);
  }
  if (why.leased_until) json["leased_until"] = date_text(*why.leased_until);
  auto& repositories = json["repositories"] = Json::array();
  for (const store::Why::InRepository& in : why.repositories) {
    Json one;
    set_place(one, in.repository);
    if (in.pushed_at) one["pushed_at"] = date_text(*in.pushed_at);
    one["reasons"] = json_of(in.reasons);
    repositories.push_back(std::move(one));
  }
  return json;
}

Json json_of(const store::WhyTag& tag) {
  Json json;
  auto& named = json["tag"];
  set_place(named, tag.repository);
  named["tag"] = tag.tag.tag;
  named["set_at"] = date_text(tag.tag.record.set_at);
  named["standing"] = json_of(tag.standing);
  json.update(json_of(tag.why));
  return json;
}

std::vector<std::string> lines_of(const Json& told) {
  Lines lines;
  if (told.contains("tag")) {
    const auto& tag = told["tag"];
    add(lines, 0,
        place_of(tag) + ":" + text_of(tag, "tag") + " names " + text_of(told, "digest") + ", set " +
            text_of(tag, "set_at") + words_of_standing(tag["standing"]));
  }
  add(lines, 0, words_of_digest(told));
  if (told.contains("leased_until")) add(lines, 1, "leased until " + text_of(told, "leased_until"));
  for (const auto& in : told["repositories"]) {
    add(lines, 1,
        "in " + place_of(in) + (in.contains("pushed_at") ? ", since " + text_of(in, "pushed_at") : ""));
    add_reasons(lines, 2, in["reasons"]);
  }
  return lines;
}

}  // namespace breakwater::routes
