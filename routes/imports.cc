#include "routes/imports.h"

#include <algorithm>
#include <span>

#include "routes/image_layout.h"
#include "routes/importer.h"
#include "routes/oci_path.h"
#include "routes/registry_folder.h"

namespace breakwater::routes {

using store::Digest;

namespace {

// One import.
struct Work {
  Work(const ImportParts& the_parts, const ImportSettings& the_settings, ImportReport& the_report)
      : parts(the_parts), settings(the_settings), report(the_report), importer(parts.store, parts.disk, parts.clock, report) {}

  const ImportParts& parts;
  const ImportSettings& settings;
  ImportReport& report;
  Importer importer;

  bool is_wanted(const std::string& repository) const { return store::matches_any(std::span(&settings.repositories, 1), repository); }
  Importer::Untagged untagged_of(const std::string& repository) const {
    return store::policy_of(settings.retention, repository).untagged_after ? Importer::Untagged::taken : Importer::Untagged::left;
  }
};

// --- docker-registry

// A folder that cannot be read is told, and the others go on.
template <class Listed>
Listed list_of(ImportReport& report, const std::string& where, Result<Listed> listed) {
  if (listed) return *std::move(listed);
  report.damaged(Damage::unreadable, where, listed.error().message);
  return {};
}

Result<> import_tags(Work& work, const RegistryFolder& folder, const std::string& name) {
  RegistryFolderSource source(folder, name);
  for (const auto& tag : list_of(work.report, name + "/_manifests/tags", folder.tags(name))) {
    const std::string image = name + ":" + tag.name;
    if (!is_oci_tag(tag.name)) {
      work.report.damaged(Damage::unreadable, image, "no tag can have that name");
    } else if (!tag.digest) {
      work.report.damaged(Damage::missing_link, image, "nothing says what the tag names");
      work.report.skipped(image, "nothing says what it names");
      ++work.report.counts.tags_skipped;
    } else if (auto taken = work.importer.take_tag(source, {work.settings.route, name}, tag.name, *tag.digest, tag.set_at); !taken) {
      return taken;
    }
  }
  return {};
}

Result<> import_untagged(Work& work, const RegistryFolder& folder, const std::string& name) {
  RegistryFolderSource source(folder, name);
  std::vector<Digest> manifests;
  for (const auto& link : list_of(work.report, name + "/_manifests/revisions", folder.manifests(name))) {
    if (link.is_there) {
      manifests.push_back(link.digest);
    } else if (!work.importer.has_met(link.digest)) {
      work.report.damaged(Damage::missing_link, name + "@" + link.digest.text(), "a manifest without its link");
    }
  }
  return work.importer.take_untagged(source, {work.settings.route, name}, manifests, work.untagged_of(name));
}

// What no image needs, but ought not to be there as it is.
void tell_of_leftovers(Work& work, const RegistryFolder& folder, const std::string& name) {
  for (const auto& link : list_of(work.report, name + "/_layers", folder.layers(name))) {
    if (!link.is_there) work.report.damaged(Damage::missing_link, name + "@" + link.digest.text(), "a blob without its link");
  }
  const std::string uploads = name + "/_uploads/";
  for (const auto& id : list_of(work.report, uploads, folder.uploads(name))) {
    work.report.damaged(Damage::orphan_upload, uploads + id, "");
  }
}

Result<> import_repository(Work& work, const RegistryFolder& folder, const std::string& name) {
  if (!is_oci_name(name)) {
    work.report.damaged(Damage::unreadable, name, "no repository can have that name");
    return {};
  }
  if (auto taken = import_tags(work, folder, name); !taken) return taken;
  if (auto taken = import_untagged(work, folder, name); !taken) return taken;
  tell_of_leftovers(work, folder, name);
  return {};
}

void count_unnamed(Work& work, const RegistryFolder& folder) {
  static const Digest kNothing = store::digest_of(store::Algorithm::sha256, "");
  const auto each = [&](const Digest& digest) {
    if (work.importer.has_met(digest)) return;
    ++work.report.counts.blobs_unnamed;
    const auto found = work.parts.disk.stat(folder.file_of(digest));
    if (!found) work.report.damaged(Damage::missing_blob, digest.text(), "its folder is there, its bytes are not");
    if (found && found->size == 0 && digest != kNothing) work.report.damaged(Damage::empty_blob, digest.text(), "0 bytes");
  };
  if (auto counted = folder.each_blob(each); !counted) work.report.damaged(Damage::unreadable, "blobs", counted.error().message);
}

// --- layouts

Result<> import_layout(Work& work, const std::filesystem::path& folder, const std::string& name) {
  auto layout = ImageLayout::read(work.parts.disk, folder);
  if (!layout) {
    work.report.damaged(Damage::unreadable, folder.string(), layout.error().message);
    return {};
  }
  const store::RepositoryKey repository{work.settings.route, name};
  std::vector<Digest> untagged;
  for (const auto& entry : layout->entries()) {
    if (!entry.name.empty() && !is_oci_tag(entry.name)) work.report.damaged(Damage::unreadable, name + ":" + entry.name, "no tag can have that name");
    if (!is_oci_tag(entry.name)) {
      untagged.push_back(entry.digest);
    } else if (auto taken = work.importer.take_tag(*layout, repository, entry.name, entry.digest, layout->modified()); !taken) {
      return taken;
    }
  }
  return work.importer.take_untagged(*layout, repository, untagged, work.untagged_of(name));
}

Result<> import_layouts_below(Work& work, const std::filesystem::path& folder, const std::string& name) {
  const bool is_wanted = is_oci_name(name) && work.is_wanted(name);
  if (is_wanted && ImageLayout::is_there(work.parts.disk, folder)) {
    if (auto taken = import_layout(work, folder, name); !taken) return taken;
  }
  for (const auto& entry : list_of(work.report, folder.string(), work.parts.disk.list(folder))) {
    if (!entry.is_directory) continue;
    std::string below = name;
    below += (name.empty() ? "" : "/") + entry.name;
    if (below.size() > kNameBytesMax) continue;  // no repository's, and symbolic links may go round
    if (auto taken = import_layouts_below(work, folder / entry.name, below); !taken) return taken;
  }
  return {};
}

}  // namespace

Result<> import_registry(const ImportParts& parts, const ImportSettings& settings, ImportReport& report) {
  const auto folder = RegistryFolder::find(parts.disk, settings.from);
  if (!folder) return failure(folder.error());
  const auto repositories = folder->repositories();
  if (!repositories) return failure(repositories.error());
  Work work(parts, settings, report);
  for (const std::string& name : *repositories) {
    if (!work.is_wanted(name)) continue;
    if (auto taken = import_repository(work, *folder, name); !taken) return taken;
  }
  if (settings.repositories == "*") count_unnamed(work, *folder);
  return parts.store.catalog().sync();
}

Result<> import_layouts(const ImportParts& parts, const ImportSettings& settings, ImportReport& report) {
  Work work(parts, settings, report);
  if (!ImageLayout::is_there(parts.disk, settings.from)) {
    if (auto taken = import_layouts_below(work, settings.from, ""); !taken) return taken;
  } else if (!is_oci_name(settings.repositories)) {
    return failure(Error::Kind::invalid, settings.from.string() + " is one image layout: say which repository it becomes");
  } else if (auto taken = import_layout(work, settings.from, settings.repositories); !taken) {
    return taken;
  }
  return parts.store.catalog().sync();
}

}  // namespace breakwater::routes
