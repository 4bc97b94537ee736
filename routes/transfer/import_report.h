// What an import found and did. Each thing that is not as it should be is one line, told when it is found and
// counted once, however many images need it; each image that is left out for it is one line too. summary()
// counts it all.
//
// One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "store/base/digest.h"

namespace breakwater::routes {

enum class Damage {
  empty_blob,
  short_blob,
  corrupt_blob,  // its bytes are not its digest's
  missing_blob,
  // The bytes may be there, but its repository has no (readable) link to them: that registry answered 404.
  missing_link,
  missing_child,  // an index names a manifest that its repository has not
  unreadable,     // no manifest, no name, or the disk does not give it
  orphan_upload,
};

class ImportReport {
 public:
  using Say = std::function<void(const std::string& line)>;
  explicit ImportReport(Say say) : say_(std::move(say)) {}

  // `where` names the thing; the same damage of the same thing is told once.
  void damaged(Damage damage, const std::string& where, const std::string& why);
  // An image that was not taken over. Named by tag or digest.
  void skipped(const std::string& image, const std::string& why);
  void kept(const std::string& image);  // our own tag of that name is newer
  std::string summary() const;
  bool has_anything() const { return !damages_.empty() || counts != Counts(); }
  uint64_t count(Damage damage) const;

  struct Counts {
    uint64_t tags = 0, tags_here = 0, tags_kept = 0, tags_skipped = 0;
    uint64_t tags_mended = 0;   // of whose image something was gone here
    uint64_t tags_ageless = 0;  // left out, because the tag here may be younger
    uint64_t manifests = 0, referrers = 0;
    // Of the manifests: whole parts of an index that is not, and untagged ones that were asked for.
    uint64_t by_digest = 0;
    uint64_t untagged = 0;  // left behind
    uint64_t blobs_linked = 0, blobs_copied = 0, blobs_here = 0;
    uint64_t blobs_unnamed = 0;  // left behind
    bool operator==(const Counts&) const = default;
  };
  Counts counts;

 private:
  Say say_;
  std::map<Damage, uint64_t> damages_;
  std::set<std::pair<Damage, std::string>> told_;
};

}  // namespace breakwater::routes
