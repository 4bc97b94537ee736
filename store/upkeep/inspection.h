// A walk through everything that is kept, in small steps, that tells of what is not as it should be. It
// changes nothing.
//
//   Inspection walk(parts, findings, "");
//   while (!walk.ended()) auto worth = walk.step();
//
// First the references, from the catalog alone: each tag of a registry names a manifest that is there, each
// edge belongs to a manifest, each link is of a blob that is stored, and what a registry's manifests are and
// name is stored, in the role in which it is needed: what an index calls a manifest is one. (A mirror fetches
// what it lacks.) Then the contents, in the order of their digests: each file is there, has its size, and is
// its digest; what a registry's manifest says that it needs, the catalog knows, and has in the size that the
// manifest gives.
//
// In a running store each finding is only a suspicion, because a record may change between two reads. Whoever
// acts on a finding checks it again under the store's locks. step() blocks and holds no lock; one thread at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "store/base/disk.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "store/references/manifest_content.h"

namespace breakwater::store {

class Findings {
 public:
  virtual ~Findings() = default;
  // The file is gone, has another size, or its bytes do not match the digest. Wrong bytes are read twice, the
  // second time from the disk, so that an error in memory does not count.
  virtual void corrupt(const UsedBlob& blob, const Error& error) = 0;
  // The disk has failed twice to read the file.
  virtual void unreadable(const UsedBlob& blob, const Error& error) = 0;
  // The file was read and matches its digest.
  virtual void readable(const UsedBlob& blob) = 0;
  // A manifest of a registry, or something that one needs, of which there is no record.
  virtual void missing(const Digest& blob) = 0;
  // A registry's tag names a manifest that its repository does not have.
  virtual void dangling(const TagOf& tag) = 0;
  // A manifest of a registry needs what its edges do not say.
  virtual void edge_missing(const NamedManifest& manifest, const Digest& child, const EdgeRecord& edge) = 0;
  // A manifest of a registry needs the child as a manifest, and its repository has no such manifest.
  virtual void lacking(const Edge& edge) = 0;
  // A manifest of a registry gives a child another size than that has.
  virtual void size_differs(const NamedManifest& manifest, const ManifestContent::Child& child,
                            uint64_t size) = 0;
  // The parent is not there.
  virtual void edge_stray(const Edge& edge) = 0;
  // The blob is not stored. Nobody misses it for this alone.
  virtual void link_stray(const LinkOf& link) = 0;
  // A record that cannot be understood.
  virtual void malformed(const Error& error) = 0;
};

class Inspection {
 public:
  // What they refer to outlives the walk.
  struct Parts {
    const Catalog& catalog;
    const Files& files;
    Disk& disk;
    std::function<bool(const std::string& route)> is_mirror;
    ReadManifest read_manifest;
  };
  // The contents are begun behind `position`, where an earlier walk was.
  Inspection(Parts parts, Findings& findings, std::string position);

  // Does one step, which reads at most a mebibyte, and returns the step's cost in bytes. Work that takes time
  // and reads little, such as opening a file, has a cost as well. After an error the next call repeats the
  // step.
  [[nodiscard]] Result<uint64_t> step();
  bool ended() const { return stage_ == Stage::ended; }
  // For the next walk to go on from.
  const std::string& position() const { return page_begin_; }

 private:
  enum class Stage { tags, manifests, edges, links, contents, ended };
  struct Reading {
    SharedFile file;
    Hasher hasher;
    uint64_t offset = 0;
    std::string kept;  // of what is small enough to be a manifest
  };

  Result<uint64_t> check_tags();
  Result<uint64_t> check_manifests();
  Result<uint64_t> check_edges();
  Result<uint64_t> check_links();
  Result<> check_edge(const Edge& edge);
  Result<> check_role(const Edge& edge);
  Result<> check_blob(const Digest& digest);
  uint64_t done_with(size_t rows, Stage next);

  Result<uint64_t> next_blob();
  uint64_t open(const UsedBlob& blob);
  Result<uint64_t> read_on(const UsedBlob& blob);
  Result<> judge(const UsedBlob& blob);
  void fail(const UsedBlob& blob, const Error& error);
  Result<> check_content(const UsedBlob& blob);
  Result<> check_content(const NamedManifest& manifest);
  Result<> check_size(const NamedManifest& manifest, const ManifestContent::Child& child);
  void leave_blob();

  const Parts parts_;
  Findings& findings_;
  Stage stage_ = Stage::tags;
  std::string position_;    // in the stage
  std::string page_begin_;  // where the contents' page begins
  std::vector<UsedBlob> page_;
  size_t at_ = 0;  // of the page
  std::optional<Reading> reading_;
  bool is_second_read_ = false;
  std::optional<Edge> known_parent_;  // the last edge whose parent was looked for and found
  std::vector<char> buffer_;
};

}  // namespace breakwater::store
