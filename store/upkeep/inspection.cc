#include "store/upkeep/inspection.h"

#include <algorithm>
#include <utility>

#include "store/base/disk.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_walk.h"
#include "store/files/files.h"

namespace breakwater::store {
namespace {

constexpr size_t kRowsAtOnce = 256;
constexpr size_t kBlobsAtOnce = 8;  // a walk that goes on from a position looks at so many again at most
constexpr size_t kPieceBytes = 1U << 20;
constexpr uint64_t kRowWorth = 4096;  // a catalog's row, and what is looked up for it
// What a spinning disk reads in the time of the seeks that opening a file takes.
constexpr uint64_t kOpenWorth = 256U << 10;

}  // namespace

Inspection::Inspection(Parts parts, Findings& findings, std::string position)
    : parts_(std::move(parts)), findings_(findings), page_begin_(std::move(position)) {}

Result<uint64_t> Inspection::step() {
  switch (stage_) {
    case Stage::tags: return check_tags();
    case Stage::manifests: return check_manifests();
    case Stage::edges: return check_edges();
    case Stage::links: return check_links();
    case Stage::contents: return at_ < page_.size() ? read_on(page_[at_]) : next_blob();
    case Stage::ended: break;
  }
  return 0;
}

// --- references

Result<uint64_t> Inspection::check_tags() {
  std::string behind = position_;
  const auto tags = parts_.catalog.walk().next_tags(
      behind, kRowsAtOnce, [this](const Error& error) { findings_.malformed(error); });
  if (!tags) return failure(tags.error());
  for (const TagOf& tag : *tags) {
    if (parts_.is_mirror(tag.repository.route)) continue;
    const auto manifest = parts_.catalog.manifest(tag.repository, tag.record.digest, Reach::disk);
    if (manifest && !*manifest) findings_.dangling(tag);
    // One that cannot be understood is told of at its own turn.
    if (!manifest && manifest.error().kind != Error::Kind::corrupt) return failure(manifest.error());
  }
  position_ = std::move(behind);
  return done_with(tags->size(), Stage::manifests);
}

Result<uint64_t> Inspection::check_manifests() {
  std::string behind = position_;
  const auto manifests = parts_.catalog.walk().next_manifests(
      behind, kRowsAtOnce, [this](const Error& error) { findings_.malformed(error); });
  if (!manifests) return failure(manifests.error());
  for (const NamedManifest& manifest : *manifests) {
    if (parts_.is_mirror(manifest.repository.route)) continue;
    if (auto checked = check_blob(manifest.digest); !checked) return failure(checked.error());
  }
  position_ = std::move(behind);
  return done_with(manifests->size(), Stage::edges);
}

Result<uint64_t> Inspection::check_edges() {
  std::string behind = position_;
  const auto edges = parts_.catalog.walk().next_edges(
      behind, kRowsAtOnce, [this](const Error& error) { findings_.malformed(error); });
  if (!edges) return failure(edges.error());
  for (const Edge& edge : *edges) {
    if (auto checked = check_edge(edge); !checked) return failure(checked.error());
  }
  position_ = std::move(behind);
  return done_with(edges->size(), Stage::links);
}

Result<uint64_t> Inspection::check_links() {
  std::string behind = position_;
  const auto links = parts_.catalog.walk().next_links(
      behind, kRowsAtOnce, [this](const Error& error) { findings_.malformed(error); });
  if (!links) return failure(links.error());
  for (const LinkOf& link : *links) {
    const auto blob = parts_.catalog.blob(link.digest, Reach::disk);
    if (blob && !*blob) findings_.link_stray(link);
    if (!blob && blob.error().kind != Error::Kind::corrupt) return failure(blob.error());
  }
  position_ = std::move(behind);
  return done_with(links->size(), Stage::contents);
}

Result<> Inspection::check_edge(const Edge& edge) {
  const bool is_known =
      known_parent_ && known_parent_->repository == edge.repository && known_parent_->parent == edge.parent;
  if (!is_known) {
    const auto manifest = parts_.catalog.manifest(edge.repository, edge.parent, Reach::disk);
    if (!manifest && manifest.error().kind != Error::Kind::corrupt) return failure(manifest.error());
    if (manifest && !*manifest) {
      findings_.edge_stray(edge);
      return {};
    }
    known_parent_ = edge;
  }
  if (parts_.is_mirror(edge.repository.route)) return {};
  auto checked = check_role(edge);
  return checked ? check_blob(edge.child) : checked;
}

Result<> Inspection::check_role(const Edge& edge) {
  const auto said = parts_.catalog.edge(edge.child, edge.repository, edge.parent);
  if (!said && said.error().kind != Error::Kind::corrupt) return failure(said.error());
  if (!said || !*said || !(*said)->is_manifest) return {};
  const auto manifest = parts_.catalog.manifest(edge.repository, edge.child, Reach::disk);
  if (manifest && !*manifest) findings_.lacking(edge);
  if (!manifest && manifest.error().kind != Error::Kind::corrupt) return failure(manifest.error());
  return {};
}

Result<> Inspection::check_blob(const Digest& digest) {
  const auto blob = parts_.catalog.blob(digest, Reach::disk);
  if (blob && !*blob) findings_.missing(digest);
  if (!blob && blob.error().kind != Error::Kind::corrupt) return failure(blob.error());
  return {};
}

// The stage ends with a page that is not full.
uint64_t Inspection::done_with(size_t rows, Stage next) {
  if (rows < kRowsAtOnce) {
    stage_ = next;
    position_ = next == Stage::contents ? page_begin_ : std::string();
  }
  return std::max<uint64_t>(rows, 1) * kRowWorth;
}

// --- contents

Result<uint64_t> Inspection::next_blob() {
  std::string behind = position_;
  auto page = parts_.catalog.walk().next_blobs(behind, kBlobsAtOnce,
                                               [this](const Error& error) { findings_.malformed(error); });
  if (!page) return failure(page.error());
  page_begin_ = std::exchange(position_, std::move(behind));
  page_ = *std::move(page);
  at_ = 0;
  if (page_.empty()) {
    stage_ = Stage::ended;
    page_begin_.clear();
    buffer_ = {};
  }
  return std::max<uint64_t>(page_.size(), 1) * kRowWorth;
}

uint64_t Inspection::open(const UsedBlob& blob) {
  auto file = parts_.disk.open(parts_.files.path_of(blob.digest));
  const bool is_gone = !file && file.error().kind == Error::Kind::not_found;
  if (is_gone && parts_.disk.stat(parts_.files.path_of_trashed(blob.digest))) {
    leave_blob();  // on its way out
  } else if (is_gone) {
    findings_.corrupt(blob, file.error());
    leave_blob();
  } else if (!file) {
    fail(blob, file.error());
  } else if (!parts_.disk.is_whole(**file, blob.record.size)) {
    findings_.corrupt(
        blob, {Error::Kind::corrupt,
               "its file has not the " + std::to_string(blob.record.size) + " bytes of its record", 0});
    leave_blob();
  } else {
    reading_.emplace(Reading{*std::move(file), Hasher(blob.digest.algorithm()), 0, {}});
  }
  return kOpenWorth;
}

Result<uint64_t> Inspection::read_on(const UsedBlob& blob) {
  if (!reading_) return open(blob);
  Reading& reading = *reading_;
  buffer_.resize(kPieceBytes);
  const size_t wanted =
      static_cast<size_t>(std::min<uint64_t>(kPieceBytes, blob.record.size - reading.offset));
  // Bytes that are in the page cache already are in use by others, so they are not dropped after the read. A
  // second read drops them first, because it must see what the disk has.
  if (is_second_read_) parts_.disk.drop_resident(*reading.file, reading.offset, wanted);
  const bool was_resident = !is_second_read_ && parts_.disk.resident(*reading.file, reading.offset, wanted);
  const auto got = parts_.disk.read(*reading.file, reading.offset, {buffer_.data(), wanted});
  if (!was_resident) parts_.disk.drop_resident(*reading.file, reading.offset, wanted);
  if (!got) {
    fail(blob, got.error());
    return kOpenWorth;
  }
  reading.hasher.update({buffer_.data(), *got});
  if (blob.record.size <= kManifestBytesMax) reading.kept.append(buffer_.data(), *got);
  reading.offset += *got;
  // A file that was cut off meanwhile is not its digest.
  if (*got < wanted || reading.offset == blob.record.size) {
    if (auto judged = judge(blob); !judged) return failure(judged.error());
  }
  return *got;
}

Result<> Inspection::judge(const UsedBlob& blob) {
  const Digest found = reading_->hasher.finish();
  if (found != blob.digest) {
    fail(blob, {Error::Kind::corrupt, "its file is " + found.text(), 0});
    return {};
  }
  findings_.readable(blob);
  auto checked = check_content(blob);
  leave_blob();
  return checked;
}

// The first time it is read again.
void Inspection::fail(const UsedBlob& blob, const Error& error) {
  reading_.reset();
  if (!std::exchange(is_second_read_, true)) return;
  if (error.kind == Error::Kind::corrupt) {
    findings_.corrupt(blob, error);
  } else {
    findings_.unreadable(blob, error);
  }
  leave_blob();
}

Result<> Inspection::check_content(const UsedBlob& blob) {
  if (blob.record.size > kManifestBytesMax) return {};
  const auto manifests = parts_.catalog.by_digest().manifests_of(blob.digest);
  if (!manifests) return failure(manifests.error());
  for (const NamedManifest& manifest : *manifests) {
    if (parts_.is_mirror(manifest.repository.route)) continue;
    if (auto checked = check_content(manifest); !checked) return checked;
  }
  return {};
}

Result<> Inspection::check_content(const NamedManifest& manifest) {
  const auto content = parts_.read_manifest(manifest.digest, manifest.record.media_type, reading_->kept);
  if (!content) return {};  // it was taken in all the same, as something that names nothing
  const auto known = parts_.catalog.children(manifest.repository, manifest.digest);
  if (!known) return failure(known.error());
  for (const ManifestContent::Child& child : content->children) {
    const bool is_known = std::find(known->begin(), known->end(), child.digest) != known->end();
    if (!is_known) findings_.edge_missing(manifest, child.digest, child.edge);
    if (auto checked = check_size(manifest, child); !checked) return checked;
  }
  return {};
}

Result<> Inspection::check_size(const NamedManifest& manifest, const ManifestContent::Child& child) {
  const auto blob = parts_.catalog.blob(child.digest, Reach::disk);
  if (!blob && blob.error().kind != Error::Kind::corrupt) return failure(blob.error());
  if (blob && *blob && (*blob)->size != child.edge.size)
    findings_.size_differs(manifest, child, (*blob)->size);
  return {};
}

void Inspection::leave_blob() {
  reading_.reset();
  is_second_read_ = false;
  ++at_;
}

}  // namespace breakwater::store
