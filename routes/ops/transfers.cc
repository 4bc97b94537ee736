#include "routes/ops/transfers.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "routes/oci/oci_path.h"
#include "routes/ops/notification.h"
#include "routes/ops/words.h"
#include "routes/transfer/export_plan.h"
#include "routes/transfer/exports.h"
#include "routes/transfer/imports.h"
#include "store/base/printable.h"
#include "store/blobs/parts.h"
#include "store/catalog/store_clock.h"
#include "store/files/files.h"
#include "store/files/outside.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using Entry = RouteDirectory::Entry;

tl::unexpected<Error> wrong(const std::string& message) { return failure(Error::Kind::invalid, message); }

Result<const Entry*> route_of(const StoreSide& side, const Arguments& arguments) {
  const auto& name = arguments.word("route");
  const auto* route = side.directory.find(name);
  if (route != nullptr) return route;
  std::string names;
  for (const auto& known : side.directory.routes) names += (names.empty() ? "" : ", ") + known.name;
  return wrong("no route is called " + name + "; the routes are " + names);
}

// What there is to say: to whoever waits as it is found, and kept for the answer.
class Lines {
 public:
  explicit Lines(const StoreSide& side) : side_(side) {}

  // Most of a line is what others have called their folders, tags and types.
  void add(const std::string& line) {
    ++count_;
    auto text = store::printable(line);
    if (side_.files != nullptr && side_.files->say) side_.files->say(text);
    if (lines_.size() < kTransferLinesMax) lines_.push_back(std::move(text));
  }
  void put(Json& json) const {
    json["lines"] = lines_;
    json["lines_count"] = count_;
  }

 private:
  const StoreSide& side_;
  std::vector<std::string> lines_;
  uint64_t count_ = 0;
};

std::string snake_case(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '_');
  return text;
}

Json json_of(const ImportReport& report) {
  const auto& counts = report.counts;
  Json json;
  json["tags"] = counts.tags;
  json["tags_here"] = counts.tags_here;
  json["tags_kept"] = counts.tags_kept;
  json["tags_mended"] = counts.tags_mended;
  json["tags_skipped"] = counts.tags_skipped;
  json["tags_ageless"] = counts.tags_ageless;
  json["manifests"] = counts.manifests;
  json["manifests_by_digest"] = counts.by_digest;
  json["referrers"] = counts.referrers;
  json["untagged"] = counts.untagged;
  json["blobs_linked"] = counts.blobs_linked;
  json["blobs_copied"] = counts.blobs_copied;
  json["blobs_here"] = counts.blobs_here;
  json["blobs_unreferenced"] = counts.blobs_unreferenced;
  json["no_room"] = counts.no_room;
  json["no_room_bytes"] = counts.no_room_bytes;
  json["bytes"] = report.surveyed_bytes;
  json["left_out"] = report.left_out();
  json["damaged"] = Json::object();
  for (const auto& [damage, count] : report.damages()) json["damaged"][snake_case(name_of(damage))] = count;
  return json;
}

ImportSettings import_settings(const StoreSide& side, const Arguments& arguments, const Entry& route) {
  ImportSettings settings;
  const auto& layout = arguments.word("layout");
  settings.from = layout.empty() ? arguments.word("from") : layout;
  settings.route = route.name;
  if (arguments.has("repository")) settings.repositories = arguments.word("repository");
  settings.tag = arguments.word("tag");
  settings.is_mirror = route.kind == RouteDirectory::Kind::mirror;
  settings.fresh = std::chrono::milliseconds(route.fresh_ms);
  const auto& retention = side.store.rules().retention();
  const auto policies = retention.find(route.name);
  if (policies != retention.end()) settings.retention = policies->second;
  return settings;
}

Result<> check_folder(const StoreSide& side, const std::filesystem::path& folder) {
  if (side.files == nullptr)
    return wrong("the folder is of the machine that asks: use the command line, which reads and writes it");
  if (!folder.is_absolute())
    return wrong("the folder's path must begin with a slash, not as in " + folder.string());
  // Whoever lends it has looked.
  if (side.files->is_lent) return {};
  return store::check_outside(side.files->disk, side.store.parts().files.root(), folder);
}

// Tells of each tag that is set, as a push of it. Those that have no room in the queue are counted there and
// here: nobody's other events go for them.
class ToldTags {
 public:
  explicit ToldTags(const StoreSide& side) : side_(side) {}

  void add(const store::RepositoryKey& repository, const std::string& tag, const store::TagRecord& record) {
    store::Event event;
    event.kind = store::Event::Kind::push;
    event.id = new_event_id();
    event.at = side_.store.clock().wall();
    event.action = "push";
    event.route = repository.route;
    event.repository = repository.repository;
    event.tag = tag;
    event.digest = record.digest.text();
    event.media_type = record.media_type;
    event.reason = "an operator has imported it";
    const auto told = side_.events.note_if_room(event);
    if (!told || !*told) ++untold_;
  }
  uint64_t untold() const { return untold_; }

 private:
  const StoreSide& side_;
  uint64_t untold_ = 0;
};

Result<> run(const StoreSide& side, const Arguments& arguments, const ImportSettings& settings,
             ImportReport& report, bool is_dry, std::atomic<uint64_t>* bytes, ToldTags* told = nullptr) {
  ImportParts parts{side.store, side.files->disk, side.store.clock(), side.files->is_lent, bytes, side.stop,
                    is_dry};
  if (told != nullptr) parts.tag_set = [told](const auto&... of) { told->add(of...); };
  if (!settings.is_mirror) parts.is_read_only = side.is_read_only;
  const auto import = arguments.has("layout") ? import_layouts : import_registry;
  return import(parts, settings, report);
}

// How much there is, for who wants to know how long it takes.
uint64_t bytes_of(const StoreSide& side, const Arguments& arguments, const ImportSettings& settings) {
  ImportReport unheard([](const std::string&) {});
  const auto planned = run(side, arguments, settings, unheard, true, nullptr);
  return planned ? unheard.surveyed_bytes : 0;
}

std::string words_of(const Exported& done) {
  std::string words = "exported: " + std::to_string(done.tags) + " tags of " +
                      std::to_string(done.repositories) + " repositories, " + std::to_string(done.referrers) +
                      " referrers; left out: " + std::to_string(done.tags_skipped) +
                      " tags that are not whole";
  if (done.referrers_skipped > 0) words += ", " + std::to_string(done.referrers_skipped) + " referrers";
  if (done.repositories_skipped > 0)
    words += ", " + std::to_string(done.repositories_skipped) + " repositories";
  return words + "\n";
}

Result<Json> dry_export(const StoreSide& side, const ExportSettings& settings) {
  const auto plan = plan_export(side.store, settings);
  if (!plan) return failure(plan.error());
  Json json;
  json["to"] = settings.to.string();
  json["repositories"] = plan->repositories;
  json["tags"] = plan->tags;
  json["bytes"] = plan->bytes;
  json["dry_run"] = true;
  json["words"] = "would export " + count_words(plan->tags, "tag", "tags") + " of " +
                  count_words(plan->repositories, "repository", "repositories") + ", at most " +
                  bytes_words(plan->bytes) + ", to " + settings.to.string() + "\n";
  return json;
}

}  // namespace

Result<> check_import(const Arguments& arguments) {
  if (arguments.has("from") == arguments.has("layout"))
    return wrong("an import has \"from\", the data folder of a docker-registry, or \"layout\": one of them");
  for (const char* path : {"from", "layout"}) {
    if (arguments.has(path) && arguments.word(path).empty())
      return wrong("\"" + std::string(path) + "\" is empty");
  }
  if (!arguments.has("tag")) return {};
  if (!arguments.has("layout")) return wrong("\"tag\" is for an image of a layout");
  if (is_oci_tag(arguments.word("tag"))) return {};
  return wrong("no tag can be called " + arguments.word("tag"));
}

Result<Json> import_images(const StoreSide& side, const Arguments& arguments) {
  const auto route = route_of(side, arguments);
  if (!route) return failure(route.error());
  if ((*route)->kind == RouteDirectory::Kind::any)
    return wrong((*route)->name + " mirrors whatever registry it is asked for: import into a mirror of one");
  const auto settings = import_settings(side, arguments, **route);
  if (auto right = check_folder(side, settings.from); !right) return failure(right.error());
  const bool is_dry = arguments.flag("dry_run");
  if (!settings.is_mirror && side.is_read_only && side.is_read_only())
    return failure(Error::Kind::denied,
                   "registries are read-only, so nothing can be imported: breakwater read-only off, first");
  if (!is_dry) side.progress.bytes_total = bytes_of(side, arguments, settings);
  Lines lines(side);
  ImportReport report([&lines](const std::string& line) { lines.add(line); });
  ToldTags told(side);
  const auto done =
      run(side, arguments, settings, report, is_dry, is_dry ? nullptr : &side.progress.bytes, &told);
  if (!done && !report.has_anything()) return failure(done.error());
  Json json;
  json["route"] = settings.route;
  json["from"] = settings.from.string();
  if (is_dry) json["dry_run"] = true;
  json.update(json_of(report));
  if (told.untold() > 0) json["tags_untold"] = told.untold();
  lines.put(json);
  if (!done) json["stopped"] = done.error().message;
  json["well"] = done && report.left_out() == 0 && !report.is_empty();
  json["words"] = (is_dry ? "nothing was done; it would be:\n" : "") + report.summary();
  return json;
}

Result<Json> export_images(const StoreSide& side, const Arguments& arguments) {
  const auto route = route_of(side, arguments);
  if (!route) return failure(route.error());
  ExportSettings settings;
  settings.route = (*route)->name;
  if (arguments.has("repository")) settings.repositories = arguments.word("repository");
  settings.to = arguments.word("to");
  settings.is_mirror = (*route)->kind != RouteDirectory::Kind::registry;
  settings.stop = side.stop;
  if (auto right = check_folder(side, settings.to); !right) return failure(right.error());
  settings.is_lent = side.files->is_lent;
  if (arguments.flag("dry_run")) return dry_export(side, settings);
  if (const auto plan = plan_export(side.store, settings)) side.progress.bytes_total = plan->bytes;
  settings.bytes = &side.progress.bytes;
  Lines lines(side);
  const auto done = export_images(side.store, side.files->disk, settings,
                                  [&lines](const std::string& line) { lines.add(line); });
  if (!done) return failure(done.error());
  Json json;
  json["to"] = settings.to.string();
  json["repositories"] = done->repositories;
  json["tags"] = done->tags;
  json["referrers"] = done->referrers;
  json["repositories_skipped"] = done->repositories_skipped;
  json["tags_skipped"] = done->tags_skipped;
  json["referrers_skipped"] = done->referrers_skipped;
  json["bytes"] = side.progress.bytes.load();
  json["left_out"] = done->left_out();
  lines.put(json);
  json["well"] = done->left_out() == 0;
  json["words"] = words_of(*done);
  return json;
}

std::string transfer_words(const Json& answer) {
  return text_of(answer, "words") +
         (answer.contains("tags_untold")
              ? count_words(answer["tags_untold"], "tag was", "tags were") +
                    " not told to webhooks, because others' events have the queue's other half\n"
              : std::string()) +
         (answer.contains("stopped") ? text_of(answer, "stopped") + "\n" : std::string());
}

}  // namespace breakwater::routes
