#include "routes/transfer/import_survey.h"

namespace breakwater::routes {

using store::Digest;

void ImportSurvey::bad(Damage damage, const std::string& where, const std::string& what) {
  ++damages_;
  findings_.report.damaged(damage, where, what);
  if (why_.empty()) why_ = where + (what.empty() ? " is missing" : ": " + what);
}

// Whether the source has the digest, with the expected number of bytes. Reports the damage if not.
bool ImportSurvey::has_bytes(const Digest& digest, std::optional<uint64_t> size, Needed needed) {
  findings_.needed.insert(digest);
  const bool is_child = needed == Needed::by_index;
  if (!source_.has(digest)) {
    const char* why = is_child                   ? "an index needs it"
                      : needed == Needed::by_tag ? "a tag names it"
                                                 : "a manifest needs it";
    bad(is_child ? Damage::missing_child : Damage::missing_link, repository_.repository + "@" + digest.text(),
        why);
    return false;
  }
  const auto found = disk_.stat_target(source_.file_of(digest));
  if (!found) {
    const bool is_gone = found.error().kind == Error::Kind::not_found;
    const Damage missing = is_child ? Damage::missing_child : Damage::missing_blob;
    bad(is_gone ? missing : Damage::unreadable, digest.text(), is_gone ? "" : found.error().message);
  } else if (!found->is_file) {
    bad(Damage::unreadable, digest.text(), source_.file_of(digest).string() + " is no regular file");
  } else if (found->size == 0 && size.value_or(1) > 0) {
    bad(Damage::empty_blob, digest.text(), size ? "0 of " + std::to_string(*size) + " bytes" : "0 bytes");
  } else if (size && found->size != *size) {
    bad(found->size < *size ? Damage::short_blob : Damage::corrupt_blob, digest.text(),
        std::to_string(found->size) + " of " + std::to_string(*size) + " bytes");
  } else if (const auto known = findings_.bad.find(digest); known != findings_.bad.end()) {
    bad(Damage::corrupt_blob, digest.text(), known->second);
  } else {
    if (findings_.sized.insert(digest).second) findings_.bytes += found->size;
    return true;
  }
  return false;
}

void ImportSurvey::survey_manifest(const Named& named, std::optional<uint64_t> size, int level) {
  const Digest& digest = named.digest;
  if (!seen_.insert(digest).second) return;
  if (!has_bytes(digest, size, size ? Needed::by_index : Needed::by_tag)) return;
  if (level > store::kManifestLevelsMax) {
    return bad(Damage::unreadable, digest.text(),
               "more than " + std::to_string(store::kManifestLevelsMax) + " levels below an image");
  }
  std::string bytes;
  const auto manifest = manifest_of(disk_, source_, digest, named.media_type, bytes);
  if (!manifest) {
    const bool is_corrupt = manifest.error().kind == Error::Kind::corrupt;
    return bad(is_corrupt ? Damage::corrupt_blob : Damage::unreadable, digest.text(),
               manifest.error().message);
  }
  if (const std::string& why = manifest->content.contradiction; !why.empty())
    return bad(Damage::unreadable, digest.text(), why);
  for (const auto& child : manifest->content.children) {
    if (!is_manifest_of(source_, child)) {
      if (seen_.insert(child.digest).second)
        (void)has_bytes(child.digest, child.edge.size, Needed::by_manifest);
      continue;
    }
    const size_t before = damages_;
    const Named below{child.digest, type_of(source_, child)};
    survey_manifest(below, child.edge.size, level + 1);
    if (damages_ == before) parts_.push_back(below);
  }
  for (const auto& child : manifest->content.foreign) findings_.needed.insert(child.digest);
  manifests_.push_back(named);
}

}  // namespace breakwater::routes
