#include "routes/ops/usage_verb.h"

#include "routes/ops/shown.h"
#include "routes/ops/usage.h"
#include "routes/ops/words.h"

namespace breakwater::routes {
namespace {

constexpr size_t kRowsMax = 100'000;

std::string by_route_words(const Json& answer) {
  Columns columns(
      {"ROUTE", "KIND", ">PAYS FOR", ">ALONE", ">SHARED", ">IN PROGRESS", ">DELETING FREES", ">BOUND"});
  for (const auto& row : answer["routes"]) {
    columns.add({row["route"], row["kind"], bytes_words(row["paid_bytes"]), bytes_words(row["unique_bytes"]),
                 bytes_words(row["shared_bytes"]), bytes_words(row["incoming_bytes"]),
                 bytes_words(row["freed_bytes"]),
                 row.contains("bytes_max") ? bytes_words(row["bytes_max"]) : std::string("none")});
  }
  return columns.text();
}

std::string by_repository_words(const Json& answer) {
  Columns columns({"REPOSITORY", ">ALONE", ">SHARED", ">DELETING FREES"});
  for (const auto& row : answer["repositories"]) {
    columns.add({row["route"].get<std::string>() + "/" + row["repository"].get<std::string>(),
                 bytes_words(row["unique_bytes"]), bytes_words(row["shared_bytes"]),
                 bytes_words(row["freed_bytes"])});
  }
  std::string text = columns.text();
  if (!answer.contains("left_out")) return text;
  const auto& left_out = answer["left_out"];
  if (left_out["repositories"].get<uint64_t>() > 0)
    text += "and " + count_words(left_out["repositories"], "repository", "repositories") + " more with " +
            bytes_words(left_out["unique_bytes"]) + " of their own (--limit)\n";
  return text;
}

std::string by_client_words(const Json& answer) {
  Columns columns({"CLIENT", ">BROUGHT", ">BLOBS", ">IN PROGRESS"});
  for (const auto& row : answer["clients"]) {
    const auto client = row["client"].get<std::string>();
    columns.add({client.empty() ? "(not known)" : client, bytes_words(row["bytes"]),
                 std::to_string(row["blobs"].get<uint64_t>()), bytes_words(row["incoming_bytes"])});
  }
  std::string text = columns.text();
  if (answer.contains("left_out"))
    text += "and others with " + bytes_words(answer["left_out"]["bytes"]) + " (--limit)\n";
  return text;
}

std::string by_tag_words(const Json& answer) {
  Columns columns({"TAG", ">SIZE", ">ALONE", ">SHARED", ">DELETING FREES", "DIGEST"});
  for (const auto& row : answer["tags"]) {
    columns.add({row["tag"].get<std::string>() + (row["pinned"].get<bool>() ? " (pinned)" : ""),
                 bytes_words(row["bytes"]), bytes_words(row["unique_bytes"]),
                 bytes_words(row["shared_bytes"]), bytes_words(row["freed_bytes"]),
                 text_of(row, "digest").substr(0, 19)});
  }
  std::string text = columns.text();
  if (answer.contains("last")) text += "there are more: --after " + text_of(answer, "last") + "\n";
  return text;
}

// The repository is a parameter of its own, or behind the route's name: `du private/team/app --by tag`.
Result<Json> du_by_tag(const StoreSide& side, const Arguments& arguments) {
  std::string name = arguments.word("route");
  if (arguments.has("repository")) name += "/" + arguments.word("repository");
  const auto repository = parse_repository_pattern(name, side.directory);
  if (!repository) return failure(repository.error());
  if (repository->pattern.find_first_of("*?[") != std::string::npos)
    return failure(Error::Kind::invalid, "by tag is of one repository: du ROUTE/REPOSITORY --by tag");
  TagUsageQuestion question;
  question.repository = {repository->route, repository->pattern};
  if (auto seen = check_seen(side.sight, question.repository); !seen) return failure(seen.error());
  question.after = arguments.word("after");
  const auto rows = number_of(arguments, "limit", question.rows_max, 1, TagUsageQuestion::kRowsMax);
  if (!rows) return failure(rows.error());
  question.rows_max = *rows;
  return usage_by_tag(side.store, question, side.stop);
}

}  // namespace

Result<Json> du(const StoreSide& side, const Arguments& arguments) {
  if (arguments.word("by") == "tag") return du_by_tag(side, arguments);
  for (const char* name : {"repository", "after"}) {
    if (arguments.has(name))
      return failure(Error::Kind::invalid, "\"" + std::string(name) + "\" is for by=tag");
  }
  UsageQuestion question;
  const auto& by = arguments.word("by");
  if (by == "repository") {
    question.by = UsageQuestion::By::repository;
  } else if (by == "client") {
    question.by = UsageQuestion::By::client;
  } else if (!by.empty() && by != "route") {
    return failure(Error::Kind::invalid, "\"by\" is route, repository or client, or tag, not \"" + by + "\"");
  }
  if (question.by == UsageQuestion::By::client && !side.sight.is_of_all())
    return failure(Error::Kind::denied,
                   "who brought what is of all repositories, and you may not pull from all of them");
  question.sight = side.sight;
  question.route = arguments.word("route");
  if (!question.route.empty() && side.directory.find(question.route) == nullptr)
    return failure(Error::Kind::not_found, "there is no route \"" + question.route + "\"");
  const auto rows = number_of(arguments, "limit", question.rows_max, 1, kRowsMax);
  if (!rows) return failure(rows.error());
  question.rows_max = *rows;
  return usage(side.store, question, side.stop);
}

std::string du_words(const Json& answer) {
  if (answer["by"] == "tag") return by_tag_words(answer);
  std::string text;
  if (answer["by"] == "route") text = by_route_words(answer);
  if (answer["by"] == "repository") text = by_repository_words(answer);
  if (answer["by"] == "client") text = by_client_words(answer);
  text += "\n" + bytes_words(answer["total_bytes"]) + " in all: " + bytes_words(answer["blobs_bytes"]) +
          " of blobs, " + bytes_words(answer["incoming_bytes"]) + " in progress, " +
          bytes_words(answer["trash_bytes"]) + " of trash, " + bytes_words(answer["catalog_bytes"]) +
          " of catalog, " + bytes_words(answer["other_bytes"]) + " of other files\n";
  return text + answer["rule"].get<std::string>() + "\n";
}

}  // namespace breakwater::routes
