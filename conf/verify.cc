#include "conf/verify.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "routes/oci/manifest.h"
#include "store/base/printable.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/files/files.h"
#include "store/files/folder_format.h"
#include "store/files/folder_lock.h"
#include "store/references/broken.h"
#include "store/upkeep/inspection.h"

namespace breakwater::conf {
namespace {

using store::Digest;
using store::UsedBlob;

constexpr uint64_t kCatalogCacheBytes = 8ULL << 20;
constexpr size_t kBlobsAtOnce = 1000;
constexpr size_t kTagsNamedMax = 1000;  // named for one broken thing

// The routes whose content can be fetched again, including former mirrors that are no longer configured. The
// route "" is among them: it owns what a start found without an owner.
std::set<std::string> mirrors_of(const Config& config, const std::vector<std::string>& before) {
  std::set<std::string> mirrors(before.begin(), before.end());
  mirrors.emplace();
  for (const RouteConfig& route : config.routes) {
    if (route.mirror) mirrors.insert(route.name);
    if (route.registry) mirrors.erase(route.name);
  }
  return mirrors;
}

// Tells each finding as it is made, once for each broken thing.
class Report final : public store::Findings {
 public:
  Report(const std::set<std::string>& mirrors, const store::Catalog& catalog, const VerifyHooks& hooks)
      : mirrors_(mirrors), catalog_(catalog), hooks_(hooks) {}

  void log_broken() {
    say("the catalog's log is corrupt before its end: what was pushed or removed after that place is not "
        "known any more; the next start keeps the log as it is in catalog-log-broken-<n>");
  }

  const Verified& verified() const { return verified_; }

 private:
  void corrupt(const UsedBlob& blob, const Error& error) override { print(blob, error); }
  void unreadable(const UsedBlob& blob, const Error& error) override { print(blob, error); }
  void readable(const UsedBlob& blob) override {
    ++verified_.blobs;
    verified_.bytes += blob.record.size;
  }
  void missing(const Digest& blob) override { print(blob, "a registry needs it, and it is not stored"); }
  void dangling(const store::TagOf& tag) override {
    say(name_of(tag.repository) + ":" + tag.tag + ": it names the manifest " + tag.record.digest.text() +
        ", which is not there");
  }
  void edge_missing(const store::NamedManifest& manifest, const Digest& child,
                    const store::EdgeRecord&) override {
    say("the catalog does not know that " + manifest.digest.text() + " of " + name_of(manifest.repository) +
        " needs " + child.text() + "; a running server mends that");
  }
  void lacking(const store::Edge& edge) override {
    say(edge.parent.text() + " of " + name_of(edge.repository) + " needs " + edge.child.text() +
        " as a manifest, and the repository has no such manifest; a running server mends that if the bytes "
        "are one, and all that it needs is there; breaks " +
        broken_by(edge.parent));
  }
  void size_differs(const store::NamedManifest& manifest, const store::ManifestContent::Child& child,
                    uint64_t size) override {
    say(manifest.digest.text() + " of " + name_of(manifest.repository) + " gives " + child.digest.text() +
        " a size of " + std::to_string(child.edge.size) + " bytes, and that has " + std::to_string(size));
  }
  void edge_stray(const store::Edge& edge) override {
    say("the catalog has " + edge.child.text() + " needed by " + edge.parent.text() + ", which " +
        name_of(edge.repository) + " does not have; a running server mends that");
  }
  void link_stray(const store::LinkOf&) override {}  // a running server deletes it, and nobody misses it
  void malformed(const Error& error) override { say("a record of the catalog: " + error.message); }

  void print(const UsedBlob& blob, const Error& error) {
    const bool comes_again = mirrors_.contains(blob.record.route);
    print(blob.digest, error.message + " (route " + blob.record.route +
                           (comes_again ? "; a running server drops it and fetches it again)" : ")"));
  }
  void print(const Digest& digest, const std::string& what) {
    if (!named_.insert(digest).second) return;
    say(digest.text() + ": " + what + "; breaks " + broken_by(digest));
  }
  std::string broken_by(const Digest& digest) const {
    const auto affected = store::affected_by(catalog_, digest, kTagsNamedMax);
    return affected ? affected->text() : affected.error().message;
  }
  static std::string name_of(const store::RepositoryKey& repository) {
    return repository.route + "/" + repository.repository;
  }
  void say(const std::string& what) {
    ++verified_.broken;
    const auto text = store::printable(what);
    if (verified_.findings.size() < Verified::kFindingsMax) verified_.findings.push_back(text);
    if (hooks_.say) hooks_.say("broken: " + text);
  }

  const std::set<std::string>& mirrors_;
  const store::Catalog& catalog_;
  const VerifyHooks& hooks_;
  std::set<Digest> named_;
  Verified verified_;
};

// Of all blobs, for who wants to know how long it takes.
uint64_t bytes_of(const store::Catalog& catalog) {
  uint64_t bytes = 0;
  const auto skip = [](const Error&) {};
  for (std::string position;;) {
    const auto some = catalog.walk().next_blobs(position, kBlobsAtOnce, skip);
    if (!some) return 0;
    for (const UsedBlob& blob : *some) bytes += blob.record.size;
    if (some->size() < kBlobsAtOnce) return bytes;
  }
}

Result<> walk_all(store::Inspection& walk, uint64_t bytes_total, const VerifyHooks& hooks) {
  uint64_t bytes = 0;
  if (hooks.progress != nullptr) hooks.progress->bytes_total = bytes_total;
  while (!walk.ended()) {
    if (hooks.stop.stop_requested()) return failure(Error::Kind::unavailable, "stopped");
    const auto worth = walk.step();
    if (!worth) return failure(worth.error());
    // What a step costs beside its bytes is in it, too.
    bytes = std::min(bytes + *worth, bytes_total);
    if (hooks.progress != nullptr) hooks.progress->bytes = bytes;
  }
  return {};
}

}  // namespace

std::string Verified::words() const {
  return std::to_string(blobs) + " blobs, " + std::to_string(bytes) + " bytes: " + std::to_string(broken) +
         " broken\n";
}

Result<Verified> verify(const Config& config, store::Disk& disk, const VerifyHooks& hooks) {
  if (auto found = disk.stat(config.data / "catalog"); !found) return failure(found.error());
  const auto id = store::read_folder_id(disk, config.data);
  if (!id) return failure(id.error());
  const auto lock = store::FolderLock::take(config.data);
  if (!lock && lock.error().kind == Error::Kind::conflict) {
    return failure(
        lock.error().kind,
        lock.error().message +
            ": it looks at everything by itself, and says what is broken as breakwater_integrity_broken");
  }
  if (!lock) return failure(lock.error());
  const auto catalog = store::Catalog::open_to_read(disk, config.data / "catalog", kCatalogCacheBytes);
  if (!catalog) return failure(catalog.error());
  const auto known = (*catalog)->state().folder_id();
  if (!known) return failure(known.error());
  if (*id && *known && **id != **known) {
    return failure(Error::Kind::conflict,
                   "the catalog of " + config.data.string() + " belongs to another data folder");
  }
  const store::Files files(disk, config.data);
  const auto before = (*catalog)->state().mirrors();
  if (!before) return failure(before.error());
  const auto mirrors = mirrors_of(config, *before);
  Report report(mirrors, **catalog, hooks);
  if ((*catalog)->log_was_broken()) report.log_broken();
  const auto mirrored = [&mirrors](const std::string& route) { return mirrors.contains(route); };
  store::Inspection walk({**catalog, files, disk, mirrored, routes::read_content}, report, "");
  if (auto walked = walk_all(walk, bytes_of(**catalog), hooks); !walked) return failure(walked.error());
  return report.verified();
}

}  // namespace breakwater::conf
