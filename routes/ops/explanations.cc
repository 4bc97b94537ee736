#include "routes/ops/explanations.h"

#include <utility>

#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

using store::Reason;
using store::TagStanding;
using store::Time;

constexpr size_t kLinesMax = 10'000;

std::string name_of(const store::RepositoryKey& repository) {
  return repository.route + "/" + repository.repository;
}

std::string text_of(const TagStanding& standing) {
  switch (standing.kind) {
    case TagStanding::Kind::plain: return "";
    case TagStanding::Kind::protected_: return ", protected";
    case TagStanding::Kind::cache: return ", cache: goes when room is needed";
    case TagStanding::Kind::follows: return ", stays as long as " + standing.subject->text() + " is here";
    case TagStanding::Kind::orphan:
      return ", what it belongs to is not here: goes after " + date_text(standing.until);
  }
  return "";
}

std::string text_of(const Reason& reason) {
  switch (reason.kind) {
    case Reason::Kind::tag: return "tagged " + reason.tag + text_of(reason.standing);
    case Reason::Kind::parent: return "needed by the manifest " + reason.digest->text();
    case Reason::Kind::subject: return "refers to " + reason.digest->text();
    case Reason::Kind::lease: return "leased until " + date_text(reason.until);
    case Reason::Kind::mirror: return "pulled through the mirror: goes when it is the least recently used";
    case Reason::Kind::promise:
      return "nothing names it: untagged_after keeps it until " + date_text(reason.until);
    case Reason::Kind::more: return "and more above that";
    case Reason::Kind::lease_only: return "nothing but a lease keeps it";
    case Reason::Kind::nothing:
      return reason.until == Time() ? "nothing keeps it: it goes now"
                                    : "nothing keeps it: it goes after " + date_text(reason.until);
  }
  return "";
}

// Lines, up to a bound, each below what it belongs to.
class Lines {
 public:
  void add(size_t depth, std::string text) {
    if (lines_.size() < kLinesMax) lines_.push_back(std::string(2 * depth, ' ') + std::move(text));
  }
  void add(size_t depth, const std::vector<Reason>& reasons) {
    for (const Reason& reason : reasons) {
      add(depth, text_of(reason));
      add(depth + 1, reason.because);
    }
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> lines_of(const store::Why& why) {
  Lines lines;
  if (why.blob) {
    const std::string owner = why.blob->route.empty() ? "nobody" : why.blob->route;
    lines.add(0, why.digest.text() + ": " + std::to_string(why.blob->size) + " bytes, on the account of " +
                     owner + ", last used " + date_text(why.blob->used_at));
  } else {
    const bool is_known = why.leased_until || !why.repositories.empty();
    lines.add(0, why.digest.text() + (is_known ? ": not stored"
                                               : ": never seen here, or gone: it is not stored, and nothing "
                                                 "here names it"));
  }
  if (why.leased_until) lines.add(1, "leased until " + date_text(*why.leased_until));
  for (const store::Why::InRepository& in : why.repositories) {
    lines.add(1,
              "in " + name_of(in.repository) + (in.pushed_at ? ", since " + date_text(*in.pushed_at) : ""));
    lines.add(2, in.reasons);
  }
  return lines.take();
}

std::vector<std::string> lines_of(const std::vector<store::WhyTag>& tags) {
  std::vector<std::string> lines;
  for (const store::WhyTag& tag : tags) {
    lines.push_back(name_of(tag.repository) + ":" + tag.tag.tag + " names " + tag.tag.record.digest.text() +
                    ", set " + date_text(tag.tag.record.set_at) + text_of(tag.standing));
    const auto more = lines_of(tag.why);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  return lines;
}

}  // namespace breakwater::routes
