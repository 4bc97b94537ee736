// What an import found and did. Each damaged thing is one line, reported when it is found and counted once,
// however many images need it. Each image that is left out is one line too. summary() gives the counts.
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
  corrupt_blob,  // its bytes have another digest
  missing_blob,
  // The bytes may exist, but the repository has no readable link to them: that registry answered 404.
  missing_link,
  missing_child,  // an index names a manifest that its repository does not have
  unreadable,     // not a manifest, not a valid name, no regular file, or the disk cannot read it
  orphan_upload,
};

const char* name_of(Damage damage);  // "empty blob"

class ImportReport {
 public:
  using Say = std::function<void(const std::string& line)>;
  explicit ImportReport(Say say) : say_(std::move(say)) {}

  // `where` names the damaged thing. The same damage of the same thing is reported once.
  void damaged(Damage damage, const std::string& where, const std::string& why);
  // Something that cannot be read, or is damaged otherwise, and with it whatever images it may have been or
  // held: it is left out.
  void lost(const std::string& where, const std::string& why) { lost(Damage::unreadable, where, why); }
  void lost(Damage damage, const std::string& where, const std::string& why);
  // An image, named by tag or digest, that was not imported: it is left out.
  void skipped(const std::string& image, const std::string& why);
  // Something of a mirror, of `bytes`, that has no room: it is left out, and counted without a line.
  void no_room(uint64_t bytes);
  void kept(const std::string& image);  // reports that our tag of that name is newer and stays
  // An image that the source gives no name, and that --tag names.
  void named(const std::string& image, const store::Digest& digest);
  // The last line says how many things were left out.
  std::string summary() const;
  // What is there and was not taken, though it would have been if it were whole and had a name.
  uint64_t left_out() const { return left_out_; }
  // Whether there was nothing that could be taken, or is here already.
  bool is_empty() const;
  bool has_anything() const { return !damages_.empty() || counts != Counts(); }
  uint64_t count(Damage damage) const;

  struct Counts {
    uint64_t tags = 0, tags_here = 0, tags_kept = 0, tags_skipped = 0;
    uint64_t manifests_here = 0;  // without a tag
    uint64_t tags_mended = 0;     // tags that were here, but with content missing
    uint64_t tags_ageless = 0;    // left out, because the tag here may be newer
    uint64_t manifests = 0, referrers = 0;
    // Manifests without a tag: complete children of an incomplete index, and untagged manifests that were
    // asked for.
    uint64_t by_digest = 0;
    uint64_t untagged = 0;  // untagged manifests, not imported
    uint64_t blobs_linked = 0, blobs_copied = 0, blobs_here = 0;
    uint64_t blobs_unreferenced = 0;  // blobs that no image needs, not imported
    uint64_t no_room = 0, no_room_bytes = 0;
    bool operator==(const Counts&) const = default;
  };
  Counts counts;
  uint64_t surveyed_bytes = 0;  // of all that was there to be taken, each content once
  const std::map<Damage, uint64_t>& damages() const { return damages_; }

 private:
  Say say_;
  std::map<Damage, uint64_t> damages_;
  std::set<std::pair<Damage, std::string>> told_;
  uint64_t left_out_ = 0;
};

}  // namespace breakwater::routes
