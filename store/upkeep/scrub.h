// The scrub: a walk through the whole store (inspection.h) that never ends, in steps so small and so far
// apart that nobody notices, and that mends what it finds or names it. A wrong blob of a mirror is dropped,
// and fetched again at its next use. One of a registry is dropped too, because a wrong byte must not be
// served and because only so does a client that has the blob push it anew; it is named with the tags that
// cannot be pulled until then.
//
// A start begins with the references, which takes little, and goes on with the contents where the last run
// was. So after an unclean stop the references are looked at first, while clients are served.
//
// step() blocks, and belongs to one thread at a time; stats() may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
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

  // One step. How many bytes it was worth; 0 if everything has been looked at and the next step begins anew.
  [[nodiscard]] Result<uint64_t> step();

  struct Stats {
    uint64_t bytes_total = 0;  // read and hashed
    uint64_t found_total = 0;  // things that were not as they should be, mended or not
    Time passed_at{};          // when everything had been looked at last
  };
  Stats stats() const;

 private:
  void corrupt(const UsedBlob& blob, const Error& error) override;
  void unreadable(const UsedBlob& blob, const Error& error) override;
  void readable(const UsedBlob& blob) override;
  void missing(const Digest& blob) override;
  void dangling(const TagOf& tag) override;
  void edge_missing(const NamedManifest& manifest, const Digest& child, const EdgeRecord& edge) override;
  void edge_stray(const Edge& edge) override;
  void malformed(const Error& error) override;

  void found(const Result<bool>& real, std::string_view what, const Digest& digest, std::string_view why);

  const Parts parts_;
  Blobs& blobs_;
  const Inspection::Parts walked_;
  std::optional<Inspection> walk_;
  std::string position_;             // where the next walk begins
  std::set<std::string> malformed_;  // records that this walk could not understand
  uint64_t unsaved_ = 0;             // worth of the steps since the position was saved
  std::atomic<uint64_t> bytes_ = 0, found_ = 0;
  std::atomic<Time::rep> passed_at_ = 0;
};

}  // namespace breakwater::store
