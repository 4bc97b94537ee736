#include "routes/transfer/imports.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "routes/oci/oci_path.h"
#include "routes/transfer/foreign_folder.h"
#include "routes/transfer/image_layout.h"
#include "routes/transfer/import_source.h"
#include "routes/transfer/import_survey.h"
#include "routes/transfer/importer.h"
#include "routes/transfer/mirror_importer.h"
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
        importer(parts, report),
        mirror(parts, settings.fresh, report) {}

  const ImportParts& parts;
  const ImportSettings& settings;
  ImportReport& report;
  Importer importer;
  MirrorImporter mirror;
  FolderChain chain = {};     // the folders down to the current layout
  uint64_t repositories = 0;  // found, and matching the pattern

  bool is_wanted(const std::string& repository) const {
    return store::matches_any(std::span(&settings.repositories, 1), repository);
  }
  bool is_needed(const Digest& digest) const {
    return settings.is_mirror ? mirror.is_needed(digest) : importer.is_needed(digest);
  }
  // Nothing of a dry run is there to be made durable.
  Result<> end() const {
    report.surveyed_bytes = settings.is_mirror ? mirror.surveyed_bytes() : importer.surveyed_bytes();
    return parts.is_dry ? Result<>() : parts.store.sync();
  }
  void tell_unreadable(const std::string& where, const Error& error) const {
    report.lost(where, error.message);
  }
  Importer::Untagged untagged_of(const std::string& repository, Importer::Untagged others) const {
    return store::policy_of(settings.retention, repository).untagged_after ? Importer::Untagged::imported
                                                                           : others;
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
  report.lost(where, listed.error().message);
  return {};
}

Result<> import_tags(Work& work, const RegistryFolder& folder, const std::string& name) {
  RegistryFolderSource source(folder, name);
  for (const auto& tag : list_of(work.report, name + "/_manifests/tags", folder.tags(name))) {
    const std::string image = name + ":" + tag.name;
    if (!is_oci_tag(tag.name)) {
      work.report.lost(image, "no tag can have that name");
    } else if (!tag.digest) {
      work.report.damaged(Damage::missing_link, image, "nothing says what the tag names");
      work.report.skipped(image, "nothing says what it names");
      ++work.report.counts.tags_skipped;
    } else if (auto imported =
                   work.importer.import_tag(source, {work.settings.route, name},
                                            {tag.name, {*tag.digest, ""}, tag.set_at, Importer::Age::known});
               !imported) {
      return imported;
    }
  }
  return {};
}

Result<> import_untagged(Work& work, const RegistryFolder& folder, const std::string& name) {
  RegistryFolderSource source(folder, name);
  std::vector<ImportSurvey::Named> manifests;
  for (const auto& link : list_of(work.report, name + "/_manifests/revisions", folder.manifests(name))) {
    if (link.is_there) {
      manifests.push_back({link.digest, ""});
    } else if (!work.importer.is_needed(link.digest)) {
      work.report.damaged(Damage::missing_link, name + "@" + link.digest.text(),
                          "a manifest without its link");
    }
  }
  return work.importer.import_untagged(source, {work.settings.route, name}, manifests,
                                       work.untagged_of(name, Importer::Untagged::skipped));
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

// Tags first, so that what is in use comes before what may have no room. A registry that was a mirror may
// have no tags, or tags of what has expired.
Result<> import_mirrored(Work& work, const RegistryFolder& folder, const std::string& name) {
  const store::RepositoryKey repository{work.settings.route, name};
  RegistryFolderSource source(folder, name);
  for (const auto& tag : list_of(work.report, name + "/_manifests/tags", folder.tags(name))) {
    if (!tag.digest || !is_oci_tag(tag.name)) continue;
    const MirrorImporter::Tag taken{tag.name, {*tag.digest, ""}, tag.set_at};
    if (auto imported = work.mirror.import_tag(source, repository, taken); !imported) return imported;
  }
  for (const auto& link : list_of(work.report, name + "/_manifests/revisions", folder.manifests(name))) {
    if (!link.is_there) continue;
    if (auto imported = work.mirror.import_image(source, repository, {link.digest, ""}); !imported)
      return imported;
  }
  return {};
}

Result<> import_repository(Work& work, const RegistryFolder& folder, const std::string& name) {
  if (!is_oci_name(name)) {
    work.report.lost(name, "no repository can have that name");
    return {};
  }
  if (work.settings.is_mirror) return import_mirrored(work, folder, name);
  if (auto imported = import_tags(work, folder, name); !imported) return imported;
  if (auto imported = import_untagged(work, folder, name); !imported) return imported;
  tell_of_leftovers(work, folder, name);
  return {};
}

void count_unreferenced(Work& work, const RegistryFolder& folder) {
  static const Digest kNothing = store::digest_of(store::Algorithm::sha256, std::string_view());
  const auto each = [&](const Digest& digest) {
    if (work.is_needed(digest)) return;
    ++work.report.counts.blobs_unreferenced;
    if (work.settings.is_mirror) return;  // it has expired there
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

// One layout and the repository that it becomes.
struct LayoutWork {
  Work& work;
  ImageLayout& layout;
  const std::string& name;
  std::vector<ImportSurvey::Named> untagged = {};
};

// Those that are called like no tag are nameless too: other tools write whole references there.
bool is_nameless(const ImageLayout::Entry& entry) { return !entry.is_part && !is_oci_tag(entry.name); }

// The one image without a name, which --tag names; empty if there are several or none. A referrer needs no
// name.
Result<std::optional<Digest>> nameless_image(const LayoutWork& of) {
  std::optional<Digest> found;
  bool is_one = true;
  const auto look = [&](const ImageLayout::Entry& entry) -> Result<> {
    if (!is_nameless(entry) || !is_one || entry.digest == found) return {};
    std::string bytes;
    const auto manifest = manifest_of(of.work.parts.disk, of.layout, entry.digest, entry.media_type, bytes);
    if (manifest && manifest->content.record.subject) return {};
    is_one = !found;
    found = entry.digest;
    return {};
  };
  if (auto read = of.layout.each_entry(look); !read) return failure(read.error());
  return is_one ? found : std::nullopt;
}

Result<> import_entry(LayoutWork& of, const ImageLayout::Entry& entry, const std::optional<Digest>& named) {
  Work& work = of.work;
  if (entry.is_part) return {};
  const bool gets_name = is_nameless(entry) && entry.digest == named;
  const std::string& tag = gets_name ? work.settings.tag : entry.name;
  if (!gets_name && !entry.name.empty() && !is_oci_tag(entry.name))
    work.report.damaged(Damage::unreadable, of.name + ":" + entry.name, "no tag can have that name");
  const bool is_tag = is_oci_tag(tag);
  if (!has_its_size(work, of.layout, entry)) {
    work.report.skipped(of.name + (is_tag ? ":" + tag : "@" + entry.digest.text()),
                        "index.json says another size of its manifest");
    if (is_tag) ++work.report.counts.tags_skipped;
    return {};
  }
  if (!is_tag) {
    of.untagged.push_back({entry.digest, entry.media_type});
    return {};
  }
  if (gets_name) work.report.named(of.name + ":" + tag, entry.digest);
  if (work.settings.is_mirror) {
    const store::Time set_at = entry.set_at.value_or(of.layout.modified());
    return work.mirror.import_tag(of.layout, {work.settings.route, of.name},
                                  {tag, {entry.digest, entry.media_type}, set_at});
  }
  return work.importer.import_tag(of.layout, {work.settings.route, of.name},
                                  {tag,
                                   {entry.digest, entry.media_type},
                                   entry.set_at.value_or(of.layout.modified()),
                                   entry.set_at ? Importer::Age::known : Importer::Age::unknown});
}

Result<> import_untagged_mirrored(const LayoutWork& of) {
  for (const auto& manifest : of.untagged) {
    auto imported = of.work.mirror.import_image(of.layout, {of.work.settings.route, of.name}, manifest);
    if (!imported) return imported;
  }
  return {};
}

Result<> import_layout(Work& work, const std::filesystem::path& folder, const std::string& name) {
  auto layout = ImageLayout::open(work.parts.disk, folder, [&](const std::string& entry) {
    work.report.lost(name + ": " + entry, "an entry of index.json that names no digest");
  });
  if (!layout) {
    work.report.lost(folder.string(), layout.error().message);
    return {};
  }
  LayoutWork of{work, *layout, name};
  const auto named = work.settings.tag.empty() ? std::nullopt : nameless_image(of);
  if (!named) return failure(named.error());
  if (!work.settings.tag.empty() && !*named) {
    work.report.skipped(name + ":" + work.settings.tag,
                        "--tag names the one image without a name, and the layout has none or several");
  }
  const auto import_one = [&](const ImageLayout::Entry& entry) { return import_entry(of, entry, *named); };
  if (auto imported = layout->each_entry(import_one); !imported) return imported;
  if (work.settings.is_mirror) return import_untagged_mirrored(of);
  return work.importer.import_untagged(*layout, {work.settings.route, name}, of.untagged,
                                       work.untagged_of(name, Importer::Untagged::told));
}

Result<> import_layouts_below(Work& work, const std::filesystem::path& folder, const std::string& name) {
  const bool is_wanted =
      !name.empty() && work.is_wanted(name) && ImageLayout::is_there(work.parts.disk, folder);
  if (is_wanted && !is_oci_name(name)) work.report.lost(name, "no repository can have that name");
  if (is_wanted && is_oci_name(name)) {
    ++work.repositories;
    if (auto imported = import_layout(work, folder, name); !imported) return imported;
  }
  for (const std::string& entry :
       list_of(work.report, folder.string(), folders_in(work.parts.disk, folder))) {
    std::string below = name;
    below += (name.empty() ? "" : "/") + component_of(entry);
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
  return work.end();
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
  return work.end();
}

}  // namespace breakwater::routes
