#include "routes/ops/image_verbs.h"

#include <algorithm>

#include "routes/ops/listing.h"
#include "routes/ops/pin_list.h"
#include "routes/ops/removals.h"
#include "routes/ops/shown.h"
#include "routes/ops/upload_list.h"
#include "routes/ops/words.h"
#include "store/references/image_pattern.h"

namespace breakwater::routes {
namespace {

constexpr size_t kRowsMax = 1000;
constexpr size_t kShownMax = 20;  // of a list in words

Result<ListPageOf> page_of(const Arguments& arguments) {
  ListPageOf page;
  page.last = arguments.word("after");
  const auto limit = number_of(arguments, "limit", page.n, 1, kRowsMax);
  if (!limit) return failure(limit.error());
  page.n = *limit;
  return page;
}

std::string here_words(const Json& image) {
  std::string text = bytes_words(image["bytes"]);
  if (image.value("at_least", false)) text = "at least " + text;
  const auto missing = image["missing"].get<uint64_t>();
  if (missing > 0)
    text += ", of which " + bytes_words(image["here_bytes"]) + " are here (" + std::to_string(missing) +
            " missing)";
  return text;
}

void add_tree(std::string& text, const Json& node, size_t level) {
  text += std::string(2 * level, ' ') + text_of(node, "kind");
  if (node.contains("platform")) text += " " + text_of(node, "platform");
  text += " " + text_of(node, "digest").substr(0, 19) + " " + bytes_words(node.value("bytes", uint64_t{0}));
  text += node.value("here", true) ? "\n" : "  not here\n";
  if (!node.contains("children")) return;
  for (const auto& child : node["children"]) add_tree(text, child, level + 1);
}

std::string tree_words(const Json& answer) {
  std::string text = text_of(answer, "image") + "  " + text_of(answer, "digest") + "\n" + here_words(answer) +
                     (answer["pinned"].get<bool>() ? ", pinned" : "") + "\n\n";
  add_tree(text, answer["tree"], 0);
  for (const auto& one : answer["signatures"])
    text += "signed by " + text_of(one, "tag") + " " + text_of(one, "digest").substr(0, 19) + "\n";
  for (const auto& one : answer["referrers"])
    text +=
        "referred to by " + text_of(one, "artifact_type") + " " + text_of(one, "digest").substr(0, 19) + "\n";
  return text;
}

std::string more_words(const Json& answer) {
  return answer.contains("last") ? "there are more: --after " + text_of(answer, "last") + "\n" : "";
}

std::string tags_words(const Json& answer) {
  Columns columns({"TAG", ">SIZE", "SET AT", "LAST PULLED", "DIGEST"});
  for (const auto& tag : answer["tags"]) {
    columns.add({text_of(tag, "tag") + (tag.value("pinned", false) ? " (pinned)" : ""),
                 bytes_words(tag["bytes"]), text_of(tag, "set_at"), text_of(tag, "last_pulled_at"),
                 text_of(tag, "digest").substr(0, 19)});
  }
  return columns.text() + more_words(answer);
}

std::string repositories_words(const Json& answer) {
  Columns columns({"REPOSITORY", ">TAGS"});
  for (const auto& one : answer["repositories"])
    columns.add({text_of(answer, "route") + "/" + text_of(one, "repository"),
                 std::to_string(one["tags"].get<uint64_t>()) + (one.value("more_tags", false) ? "+" : "")});
  return columns.text() + more_words(answer);
}

// What the caller sees of it.
Result<store::ImagePattern> pattern_of(const StoreSide& side, const Arguments& arguments,
                                       const std::string& plain_route) {
  auto what = parse_image_pattern(arguments.word("what"), side.directory, plain_route);
  if (!what) return what;
  if (auto seen = check_seen(side.sight, *what); !seen) return failure(seen.error());
  return what;
}

Json list_routes_seen(const StoreSide& side) {
  auto answer = list_routes(side.store);
  auto& routes = answer["routes"];
  for (auto route = routes.begin(); route != routes.end();)
    route = side.sight.sees_any(text_of(*route, "route")) ? route + 1 : routes.erase(route);
  return answer;
}

using PinFunction = Result<Json> (*)(store::Store&, const store::ImagePattern&);

Result<Json> change_pins(const StoreSide& side, const Arguments& arguments, PinFunction plan,
                         PinFunction act) {
  const auto what = pattern_of(side, arguments, "");
  if (!what) return failure(what.error());
  return arguments.flag("dry_run") ? plan(side.store, *what) : act(side.store, *what);
}

void add_list(std::string& text, const Json& list, const char* title, const char* name) {
  size_t shown = 0;
  for (const auto& one : list) {
    if (++shown > kShownMax) break;
    text += std::string(title) + " " + text_of(one, name);
    if (one.contains("bytes")) text += "  " + bytes_words(one["bytes"]);
    if (one.contains("because")) text += ": " + text_of(one, "because");
    if (one.contains("goes_after")) text += ", after " + text_of(one, "goes_after");
    text += "\n";
  }
  if (list.size() > kShownMax)
    text += std::string(title) + " … and " + std::to_string(list.size() - kShownMax) + " more\n";
}

}  // namespace

std::string only_registry(const RouteDirectory& directory) {
  std::string name;
  for (const auto& route : directory.routes) {
    if (route.kind != RouteDirectory::Kind::registry) continue;
    if (!name.empty()) return "";
    name = route.name;
  }
  return name;
}

Result<Json> list_images(const StoreSide& side, const Arguments& arguments) {
  const auto& of = arguments.word("of");
  const auto page = page_of(arguments);
  if (!page) return failure(page.error());
  if (of.empty()) return list_routes_seen(side);
  if (side.directory.find(of) != nullptr) return list_repositories(side.store, of, *page, side.sight);
  const auto image = parse_image_name(of, side.directory);
  if (!image) return failure(image.error());
  if (auto seen = check_seen(side.sight, *image); !seen) return failure(seen.error());
  const store::RepositoryKey key(image->route, image->repository);
  if (image->digest) return image_tree(side.store, key, image->digest->text());
  if (!image->tag.empty()) return image_tree(side.store, key, image->tag);
  return list_tags(side.store, key, *page);
}

std::string images_words(const Json& answer) {
  if (answer.contains("tree")) return tree_words(answer);
  if (answer.contains("tags")) return tags_words(answer);
  if (answer.contains("repositories")) return repositories_words(answer);
  Columns columns({"ROUTE", "KIND", ">STORED", ">BOUND"});
  for (const auto& route : answer["routes"])
    columns.add({text_of(route, "route"), text_of(route, "kind"), bytes_words(route["stored_bytes"]),
                 route.contains("bytes_max") ? bytes_words(route["bytes_max"]) : std::string("none")});
  return columns.text();
}

Result<Json> list_pins(const StoreSide& side, const Arguments&) { return pins(side.store, side.sight); }

std::string pins_words(const Json& answer) {
  Columns columns({"PINNED", "SINCE"});
  for (const auto& pin : answer["pins"]) columns.add({text_of(pin, "what"), text_of(pin, "at")});
  std::string text = columns.is_empty() ? "nothing is pinned\n" : columns.text();
  for (const auto& one : answer["in_the_way"]) text += text_of(one, "words") + "\n";
  return text;
}

Result<Json> pin_images(const StoreSide& side, const Arguments& arguments) {
  return change_pins(side, arguments, plan_pin, pin);
}
Result<Json> unpin_images(const StoreSide& side, const Arguments& arguments) {
  return change_pins(side, arguments, plan_unpin, unpin);
}
std::string pin_words(const Json& answer) { return text_of(answer, "words") + "\n"; }

Result<Json> purge_images(const StoreSide& side, const Arguments& arguments) {
  const auto what = pattern_of(side, arguments, "");
  if (!what) return failure(what.error());
  if (arguments.flag("dry_run")) return plan_purge(side.store, *what, side.stop);
  return purge(side.store, *what, side.gone, side.stop);
}

Result<Json> remove_images(const StoreSide& side, const Arguments& arguments) {
  const auto what = pattern_of(side, arguments, only_registry(side.directory));
  if (!what) return failure(what.error());
  if (arguments.flag("dry_run")) return plan_rm(side.store, *what, side.stop);
  return rm(side.store, *what, side.stop);
}

std::string removal_words(const Json& answer) {
  std::string text = text_of(answer, "words") + "\n";
  add_list(text, answer["tags"], "  tag", "image");
  add_list(text, answer["manifests"], "  manifest", "image");
  add_list(text, answer["blobs"], "  blob", "digest");
  add_list(text, answer["stays"], "  stays:", "image");
  if (answer.value("cut", false)) text += "there is more: do it again\n";
  return text;
}

Result<Json> list_uploads(const StoreSide& side, const Arguments&) { return uploads(side.store, side.sight); }

std::string uploads_words(const Json& answer) {
  Columns columns({"UPLOAD", "STATE", "REPOSITORY", "CLIENT", ">BYTES", "LAST BYTE"});
  for (const auto& one : answer["uploads"])
    columns.add({text_of(one, "id"), text_of(one, "state"),
                 text_of(one, "route") + "/" + text_of(one, "repository"), text_of(one, "client"),
                 bytes_words(one["bytes"]), text_of(one, "last_byte_at")});
  if (columns.is_empty()) return "there are no uploads\n";
  return columns.text() + bytes_words(answer["totals"]["bytes"]) + " in all\n";
}

Result<Json> abort_one_upload(const StoreSide& side, const Arguments& arguments) {
  const auto& id = arguments.word("id");
  return arguments.flag("dry_run") ? plan_abort_upload(side.store, id, side.sight)
                                   : abort_upload(side.store, id, side.sight);
}

std::string abort_words(const Json& answer) { return text_of(answer, "words") + "\n"; }

}  // namespace breakwater::routes
