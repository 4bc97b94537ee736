#include "routes/transfer/imports.h"

#include <algorithm>
#include <span>

#include "routes/oci/oci_path.h"
#include "routes/transfer/foreign_folder.h"
#include "routes/transfer/image_layout.h"
#include "routes/transfer/importer.h"
#include "routes/transfer/registry_folder.h"

namespace breakwater::routes {

using store::Digest;

namespace {

// One import.
struct Work {
  Work(const ImportParts& the_parts, const ImportSettings& the_settings, ImportReport& the_report)
      : parts(the_parts),
        settings(the_settings),
        report(the_report),
        importer(parts.store, parts.disk, parts.clock, report) {}

  const ImportParts& parts;
  const ImportSettings& settings;
  ImportReport& report;
  Importer importer;
  FolderChain chain = {};     // the folders down to the current layout
  uint64_t repositories = 0;  // found, and matching the pattern

  bool is_wanted(const std::string& repository) const {
    return store::matches_any(std::span(&settings.repositories, 1), repository);
  }
  void tell_unreadable(const std::string& where, const Error& error) const {
    report.damaged(Damage::unreadable, where, error.message);
  }
  Importer::Untagged untagged_of(const std::string& repository) const {
    return store::policy_of(settings.retention, repository).untagged_after ? Importer::Untagged::imported
                                                                           : Importer::Untagged::skipped;
  }
};

// An error if nothing matches a pattern, which is most likely a typing mistake.
Result<> nothing_wanted(const Work& work, const std::string& what) {
  const bool is_any = work.settings.repositories == "*";
  return failure(Error::Kind::not_found, "there is no " + what +
                                             (is_any ? "" : " called " + work.settings.repositories) +
                                             " below " + work.settings.from.string());
}

// --- docker-registry

// Reports a folder that cannot be read and returns an empty list, so that the import goes on with the others.
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
    } else if (auto imported = work.importer.import_tag(source, {work.settings.route, name}, tag.name,
                                                        *tag.digest, tag.set_at, Importer::Age::known);
               !imported) {
      return imported;
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
    } else if (!work.importer.is_needed(link.digest)) {
      work.report.damaged(Damage::missing_link, name + "@" + link.digest.text(),
                          "a manifest without its link");
    }
  }
  return work.importer.import_untagged(source, {work.settings.route, name}, manifests,
                                       work.untagged_of(name));
}

// Reports damage that no image is affected by.
void tell_of_leftovers(Work& work, const RegistryFolder& folder, const std::string& name) {
  for (const auto& link : list_of(work.report, name + "/_layers", folder.layers(name))) {
    if (!link.is_there)
      work.report.damaged(Damage::missing_link, name + "@" + link.digest.text(), "a blob without its link");
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
  if (auto imported = import_tags(work, folder, name); !imported) return imported;
  if (auto imported = import_untagged(work, folder, name); !imported) return imported;
  tell_of_leftovers(work, folder, name);
  return {};
}

void count_unreferenced(Work& work, const RegistryFolder& folder) {
  static const Digest kNothing = store::digest_of(store::Algorithm::sha256, std::string_view());
  const auto each = [&](const Digest& digest) {
    if (work.importer.is_needed(digest)) return;
    ++work.report.counts.blobs_unreferenced;
    const auto found = work.parts.disk.stat_target(folder.file_of(digest));
    if (!found)
      work.report.damaged(Damage::missing_blob, digest.text(), "its folder is there, its bytes are not");
    if (found && found->size == 0 && digest != kNothing)
      work.report.damaged(Damage::empty_blob, digest.text(), "0 bytes");
  };
  folder.each_blob(each,
                   [&](const std::string& where, const Error& error) { work.tell_unreadable(where, error); });
}

// --- layouts

// Whether the manifest has the size that index.json gives for it. A missing file is not reported here, but
// when its image is imported.
bool has_its_size(Work& work, const ImageLayout& layout, const ImageLayout::Entry& entry) {
  const auto found = work.parts.disk.stat_target(layout.file_of(entry.digest));
  if (!found || !entry.size || found->size == *entry.size) return true;
  const std::string sizes = std::to_string(found->size) + " of " + std::to_string(*entry.size) + " bytes";
  work.report.damaged(found->size < *entry.size ? Damage::short_blob : Damage::corrupt_blob,
                      entry.digest.text(), sizes);
  return false;
}

Result<> import_layout(Work& work, const std::filesystem::path& folder, const std::string& name) {
  auto layout = ImageLayout::read(work.parts.disk, folder);
  if (!layout) {
    work.report.damaged(Damage::unreadable, folder.string(), layout.error().message);
    return {};
  }
  const store::RepositoryKey repository{work.settings.route, name};
  for (const std::string& entry : layout->unreadable()) {
    std::string where = name;
    where += ": " + entry;
    work.report.damaged(Damage::unreadable, where, "an entry of index.json that names no digest");
  }
  std::vector<Digest> untagged;
  for (const auto& entry : layout->entries()) {
    if (!entry.name.empty() && !is_oci_tag(entry.name))
      work.report.damaged(Damage::unreadable, name + ":" + entry.name, "no tag can have that name");
    if (!has_its_size(work, *layout, entry)) {
      work.report.skipped(name + (entry.name.empty() ? "@" + entry.digest.text() : ":" + entry.name),
                          "index.json says another size of its manifest");
      if (is_oci_tag(entry.name)) ++work.report.counts.tags_skipped;
      continue;
    }
    if (!is_oci_tag(entry.name)) {
      untagged.push_back(entry.digest);
    } else {
      const auto age = entry.set_at ? Importer::Age::known : Importer::Age::unknown;
      auto imported = work.importer.import_tag(*layout, repository, entry.name, entry.digest,
                                               entry.set_at.value_or(layout->modified()), age);
      if (!imported) return imported;
    }
  }
  return work.importer.import_untagged(*layout, repository, untagged, work.untagged_of(name));
}

Result<> import_layouts_below(Work& work, const std::filesystem::path& folder, const std::string& name) {
  const bool is_wanted =
      !name.empty() && work.is_wanted(name) && ImageLayout::is_there(work.parts.disk, folder);
  if (is_wanted && !is_oci_name(name))
    work.report.damaged(Damage::unreadable, name, "no repository can have that name");
  if (is_wanted && is_oci_name(name)) {
    ++work.repositories;
    if (auto imported = import_layout(work, folder, name); !imported) return imported;
  }
  for (const std::string& entry :
       list_of(work.report, folder.string(), folders_in(work.parts.disk, folder))) {
    std::string below = name;
    below += (name.empty() ? "" : "/") + entry;
    if (below.size() > kNameBytesMax) continue;  // no repository has so long a name
    if (auto entered = work.chain.enter(work.parts.disk, folder / entry); !entered) {
      work.tell_unreadable((folder / entry).string(), entered.error());
      continue;
    }
    if (auto imported = import_layouts_below(work, folder / entry, below); !imported) return imported;
    work.chain.leave();
  }
  return {};
}

}  // namespace

Result<> import_registry(const ImportParts& parts, const ImportSettings& settings, ImportReport& report) {
  const auto folder = RegistryFolder::find(parts.disk, settings.from);
  if (!folder) return failure(folder.error());
  Work work(parts, settings, report);
  const auto unreadable = [&](const std::string& where, const Error& error) {
    work.tell_unreadable(where, error);
  };
  for (const std::string& name : folder->repositories(unreadable)) {
    if (!work.is_wanted(name)) continue;
    ++work.repositories;
    if (auto imported = import_repository(work, *folder, name); !imported) return imported;
  }
  if (settings.repositories != "*" && work.repositories == 0) return nothing_wanted(work, "repository");
  if (settings.repositories == "*") count_unreferenced(work, *folder);
  return parts.store.sync();
}

Result<> import_layouts(const ImportParts& parts, const ImportSettings& settings, ImportReport& report) {
  Work work(parts, settings, report);
  if (!ImageLayout::is_there(parts.disk, settings.from)) {
    if (auto entered = work.chain.enter(parts.disk, settings.from); !entered) {
      return entered.error().kind == Error::Kind::not_found ? nothing_wanted(work, "image layout") : entered;
    }
    if (auto imported = import_layouts_below(work, settings.from, ""); !imported) return imported;
    if (work.repositories == 0) return nothing_wanted(work, "image layout");
  } else if (!is_oci_name(settings.repositories)) {
    return failure(Error::Kind::invalid,
                   settings.from.string() + " is one image layout: say which repository it becomes");
  } else if (auto imported = import_layout(work, settings.from, settings.repositories); !imported) {
    return imported;
  }
  return parts.store.sync();
}

}  // namespace breakwater::routes
