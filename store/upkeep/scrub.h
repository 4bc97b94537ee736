// The scrub reads the whole store again and again (inspection.h), in steps so small that clients do not
// notice, and mends or reports what is wrong. A blob with wrong bytes is deleted. If only mirrors need the
// blob, it is fetched again at its next use. If a registry needs the blob, it is reported with the tags that
// cannot be pulled until a client pushes the blob again. A registry's blob that the disk cannot read is
// reported and kept, because a later read may succeed; a mirror's goes if another pass, ten minutes later at
// least, cannot read it either. What an index needs as a manifest and the repository has as a blob only
// becomes a manifest, if it is one whole; else it is reported.
//
// Each pass checks the references first, which takes little time, and then the contents. After a start the
// contents go on where the last run was. So the references are checked first after an unclean stop, while
// clients are served.
//
// step() blocks, and belongs to one thread at a time; stats() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "store/blobs/parts.h"
#include "store/upkeep/inspection.h"

namespace breakwater::store {

class Blobs;

struct ScrubSettings {
  uint64_t bytes_per_second = 8ULL << 20;  // 0: it does not run
  int64_t pause_ms = 600'000;              // between two passes
};

class Scrub final : private Findings {
 public:
  // What it borrows outlives it.
  Scrub(const Parts& parts, Blobs& blobs, ReadManifest read_manifest);
  ~Scrub() override;

  // Does one step and returns its cost in bytes read, for pacing; 0 at the end of a pass, after which the
  // next step begins a new pass.
  [[nodiscard]] Result<uint64_t> step();

  struct Stats {
    uint64_t bytes_total = 0;  // of blobs that were found whole
    uint64_t found_total = 0;  // things that were not as they should be, mended or not
    Time passed_at{};          // when everything had been looked at last
    // Of the pass that is under way: how much of the contents it has behind it, from 0 to 1, as the order of
    // digests has it.
    std::optional<double> pass_share = {};
  };
  Stats stats() const;

 private:
  void corrupt(const UsedBlob& blob, const Error& error) override;
  void unreadable(const UsedBlob& blob, const Error& error) override;
  void readable(const UsedBlob& blob) override;
  void missing(const Digest& blob) override;
  void dangling(const TagOf& tag) override;
  void edge_missing(const NamedManifest& manifest, const Digest& child, const EdgeRecord& edge) override;
  void lacking(const Edge& edge) override;
  void size_differs(const NamedManifest& manifest, const ManifestContent::Child& child,
                    uint64_t size) override;
  void edge_stray(const Edge& edge) override;
  void link_stray(const LinkOf& link) override;
  void malformed(const Error& error) override;

  Result<bool> delete_if_suspected(const UsedBlob& blob);
  void found(const Result<bool>& real, std::string_view what, const Digest& digest, std::string_view why);

  const Parts parts_;
  Blobs& blobs_;
  const Inspection::Parts walked_;
  std::optional<Inspection> walk_;
  std::string position_;             // where the next walk begins
  std::set<std::string> malformed_;  // records that this walk could not understand
  // A mirror's blobs that a pass could not read, and when that was.
  std::map<Digest, Time> suspected_;
  uint64_t unsaved_ = 0;  // worth of the steps since the position was saved
  std::atomic<uint64_t> bytes_ = 0, found_ = 0;
  std::atomic<Time::rep> passed_at_ = 0;
  std::atomic<double> pass_share_ = -1;  // below 0: none is under way
};

}  // namespace breakwater::store
