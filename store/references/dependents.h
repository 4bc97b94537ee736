// What depends on another manifest: signatures, attestations, SBOMs and the like, that belong to a subject.
// A tag depends if its name says so (subject_of_tag), or if the manifest that it names has a `subject`.
//
// The name alone is not enough where it has no suffix and the repository has no such subject: people name
// images after digests of other things. Then the tag depends only if it names an image index, as the fallback
// of the referrers API does.
//
// Nothing is changed; see liveness.h for what an answer is worth. May block.
#pragma once

#include <optional>
#include <vector>

#include "store/catalog/catalog.h"
#include "store/references/retention.h"

namespace breakwater::store {

class Pins;

// The manifest that the name of a tag speaks of, if the repository has it.
[[nodiscard]] Result<std::optional<Digest>> named_subject(const Catalog& catalog,
                                                          const RepositoryKey& repository,
                                                          const std::string& tag);
[[nodiscard]] Result<JudgedTag> judge(const Catalog& catalog, const RepositoryKey& repository, NamedTag tag);
// All tags of the repository that no pin covers, judged; none if no tag expires by `policy`.
[[nodiscard]] Result<std::vector<JudgedTag>> judged_tags(const Catalog& catalog, const Pins& pins,
                                                         const RepositoryKey& repository,
                                                         const RetentionPolicy& policy);
// The tags that belong to `subject` by their names.
[[nodiscard]] Result<std::vector<NamedTag>> tags_belonging_to(const Catalog& catalog,
                                                              const RepositoryKey& repository,
                                                              const Digest& subject);

}  // namespace breakwater::store
