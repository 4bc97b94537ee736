#include "routes/ops/finding_verbs.h"

#include "routes/ops/document.h"
#include "routes/ops/search.h"
#include "routes/ops/shown.h"
#include "routes/ops/words.h"

namespace breakwater::routes {
namespace {

std::string size_words(const Json& row) {
  return row.contains("bytes") ? bytes_words(row["bytes"]) : std::string("?");
}

std::string line_of(const std::string& name, const std::string& value) {
  if (value.empty()) return "";
  return name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + value + "\n";
}

std::string field_words(const Json& object, const char* field) {
  return line_of(field, text_of(object, field));
}

std::string list_words(const Json& object, const char* field) {
  std::string text;
  if (!object.contains(field)) return text;
  for (const auto& one : object[field]) text += line_of(field, one.get<std::string>());
  return text;
}

std::string map_words(const Json& object, const char* field) {
  std::string text;
  if (!object.contains(field)) return text;
  for (const auto& [key, value] : object[field].items())
    text += line_of(field, key + "=" + value.get<std::string>());
  return text;
}

// A step of a Dockerfile may have many lines.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  }
  return text;
}

std::string config_words(const Json& config) {
  std::string text;
  for (const char* field :
       {"platform", "created", "author", "user", "working_dir", "stop_signal", "unreadable"})
    text += field_words(config, field);
  for (const char* field : {"entrypoint", "cmd", "env", "exposed_ports", "volumes"})
    text += list_words(config, field);
  if (!config.value("here", true)) text += line_of("config", "not here");
  return text + map_words(config, "labels");
}

std::string rows_words(const Json& answer) {
  Columns layers({"LAYER", ">SIZE", "HERE", "MADE BY"});
  for (const char* list : {"layers", "history"}) {
    if (!answer.contains(list)) continue;
    for (const auto& row : answer[list]) {
      const bool is_layer = row.contains("digest");
      layers.add({is_layer ? text_of(row, "digest").substr(0, 19) : "-", is_layer ? size_words(row) : "",
                  is_layer ? row["here"].get<bool>() ? "yes" : "no" : "",
                  one_line(text_of(row, "created_by"))});
    }
  }
  Columns manifests({"MANIFEST", ">SIZE", "HERE", "PLATFORM"});
  for (const auto& row : answer.value("manifests", Json::array()))
    manifests.add({text_of(row, "digest").substr(0, 19), size_words(row),
                   row["here"].get<bool>() ? "yes" : "no", text_of(row, "platform")});
  std::string text;
  if (!layers.is_empty()) text += "\n" + layers.text();
  if (!manifests.is_empty()) text += "\n" + manifests.text();
  return text;
}

}  // namespace

Result<Json> search_images(const StoreSide& side, const Arguments& arguments) {
  SearchQuestion question;
  for (const auto& word : arguments.words("q")) question.words += word + " ";
  question.after = arguments.word("after");
  question.sight = side.sight;
  const auto limit = number_of(arguments, "limit", question.limit, 1, SearchQuestion::kRowsMax);
  if (!limit) return failure(limit.error());
  question.limit = *limit;
  return search(side.store, question);
}

std::string search_words(const Json& answer) {
  Columns columns({"IMAGE", "DIGEST", "SET AT"});
  for (const auto& row : answer["rows"]) {
    std::string name = text_of(row, "route") + "/" + text_of(row, "repository");
    if (row.contains("tag")) name += ":" + text_of(row, "tag");
    columns.add({std::move(name), text_of(row, "digest").substr(0, 19), text_of(row, "set_at")});
  }
  std::string text = columns.is_empty() ? "nothing here has such a name\n" : columns.text();
  if (answer.contains("next")) text += "there may be more: --after " + text_of(answer, "next") + "\n";
  return text;
}

Result<Json> inspect_image(const StoreSide& side, const Arguments& arguments) {
  const auto image = parse_image_name(arguments.word("of"), side.directory);
  if (!image) return failure(image.error());
  if (auto seen = check_seen(side.sight, *image); !seen) return failure(seen.error());
  if (!image->digest && image->tag.empty())
    return failure(Error::Kind::invalid, image->text() + " is a repository: name a tag or a digest of it");
  return document(side.store, {image->route, image->repository},
                  image->digest ? image->digest->text() : image->tag);
}

std::string document_words(const Json& answer) {
  std::string text = text_of(answer, "image") + "\n" + text_of(answer, "kind") + " " +
                     text_of(answer, "digest") + "  " + size_words(answer) +
                     (answer["here"].get<bool>() ? "" : ", not here") + "\n\n";
  for (const char* field :
       {"media_type", "artifact_type", "set_at", "checked_at", "last_pulled_at", "unreadable"})
    text += field_words(answer, field);
  if (answer.contains("subject")) text += line_of("subject", text_of(answer["subject"], "digest"));
  if (answer.contains("config")) text += config_words(answer["config"]);
  text += map_words(answer, "annotations") + rows_words(answer);
  return text + (answer["cut"].get<bool>() ? "some of it is cut: there is too much\n" : "");
}

}  // namespace breakwater::routes
