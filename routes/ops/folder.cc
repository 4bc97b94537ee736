#include "routes/ops/folder.h"

#include <filesystem>

#include "routes/ops/words.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/forgetting.h"

namespace breakwater::routes {
namespace {

std::string counted_words(const Json& what) {
  return count_words(what["tags"], "tag", "tags") + ", " +
         count_words(what["manifests"], "manifest", "manifests") + ", " +
         count_words(what["links"], "link to a blob", "links to blobs") + ", " +
         count_words(what["uploads"], "upload", "uploads");
}

}  // namespace

Result<Json> back_up(const StoreSide& side, const Arguments& arguments) {
  const std::filesystem::path to = arguments.word("to");
  if (!to.is_absolute())
    return failure(Error::Kind::invalid,
                   "the folder's path must begin with a slash, not as in " + to.string());
  Json json;
  json["to"] = to.string();
  if (arguments.flag("dry_run")) {
    json["bytes"] = side.store.budget().whole().stored;
    json["dry_run"] = true;
    return json;
  }
  side.progress.bytes_total = side.store.budget().whole().stored;
  const auto done = side.store.backup().back_up(to, side.stop, &side.progress.bytes);
  if (!done) return failure(done.error());
  json["blobs"] = done->blobs;
  json["bytes"] = done->bytes;
  return json;
}

std::string backup_words(const Json& answer) {
  const auto bytes = bytes_words(answer["bytes"]);
  if (answer.contains("dry_run"))
    return "would back up " + bytes + " to " + answer["to"].get<std::string>() +
           "; on the same file system they take no room\n";
  return "backed up " + count_words(answer["blobs"], "blob", "blobs") + " of " + bytes +
         ", and the catalog\n";
}

Result<Json> forget_route(const StoreSide& side, const Arguments& arguments) {
  const auto& route = arguments.word("route");
  const bool is_dry = arguments.flag("dry_run");
  const auto done = is_dry ? side.store.what_is_left_of(route) : side.store.forget_route(route, side.stop);
  if (!done) return failure(done.error());
  Json json;
  json["route"] = route;
  json["tags"] = done->tags;
  json["manifests"] = done->manifests;
  json["uploads"] = done->uploads;
  json["links"] = done->links;
  json["bytes"] = done->bytes;
  json["bytes_handed"] = done->bytes_handed;
  json["bytes_left"] = done->bytes_left;
  json["is_cut"] = done->is_cut;
  if (is_dry) json["dry_run"] = true;
  return json;
}

std::string forget_route_words(const Json& answer) {
  const auto route = answer["route"].get<std::string>();
  const auto bytes = bytes_words(answer["bytes"]), handed = bytes_words(answer["bytes_handed"]);
  if (answer.contains("dry_run"))
    return "the route " + route + " would be forgotten: " + counted_words(answer) + "; " + bytes +
           " would be given back, and " + handed + " that other routes need would count for those\n";
  const bool is_cut = answer["is_cut"].get<bool>();
  std::string text = is_cut ? "stopped before the route " + route +
                                  " was forgotten, and goes on when it is asked for again: "
                            : "the route " + route + " is forgotten: ";
  text += counted_words(answer) + "; " + bytes + " are given back, and " + handed +
          " that other routes need count for those";
  if (answer["bytes_left"].get<uint64_t>() > 0 && !is_cut)
    text +=
        "; " + bytes_words(answer["bytes_left"]) + " still count for " + route +
        ", because the routes that need them have no room for them: raise their bytes_max and do this again";
  return text + "\n";
}

}  // namespace breakwater::routes
