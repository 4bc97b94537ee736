// Upstream's lists (tags, referrers), kept in memory for a short time, within a bound in bytes. Many clients
// that ask the same cause one question upstream, which goes on when they leave. A refusal is believed for as
// long as a list is. When upstream does not give an answer, an older one is served, and says so. Belongs to
// the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "proxy/clients/clients.h"
#include "proxy/loop/single_flight.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/negative_cache.h"
#include "routes/oci/reply_room.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

struct KeptList {
  Body body;
  std::string link;  // to the next page: upstream's, or ours
  // The list is longer than what is kept: there is no body, and each client gets it straight from upstream.
  bool is_too_long = false;
  // Whom it is from, and so the pages that follow it; null if it was made here.
  proxy::RegistryClient* upstream = nullptr;
  store::Time at{};
  std::string stale_reason;  // "" unless the list is known to be old, or not known to be whole
  CacheResult cache = CacheResult::miss;
  ReplyRoom::Place place = {};  // of what has just come; not of what is kept
};

// How long a list may be that is kept and understood: one page of tags, or all pages of referrers together.
inline constexpr size_t kListBytesMax = 4 << 20;

class KeptLists {
 public:
  using Answer = Result<KeptList>;
  using Fetch = proxy::SingleFlight<Answer>::Begin;

  KeptLists(const MirrorParts& parts, const MirrorSettings& settings)
      : parts_(parts), settings_(settings), flights_(parts.loop) {}

  struct Got {
    Answer list;
    // An error that says nothing of upstream: this client has had its questions. What is known of a part of
    // the list is no answer then, because the client may ask for the whole in a moment.
    bool is_refused_here = false;
  };
  // The list of that key: from memory while it is fresh, else by `fetch`, else the old one.
  // `asker` is who asks.
  proxy::Task<Got> get(std::string key, proxy::Asker asker, Fetch fetch);

 private:
  proxy::Task<Answer> renew(std::string key, Fetch fetch);
  void keep(const std::string& key, const KeptList& list);

  MirrorParts parts_;
  MirrorSettings settings_;
  std::map<std::string, KeptList> kept_;
  uint64_t kept_bytes_ = 0;
  NegativeCache refusals_;
  proxy::SingleFlight<Answer> flights_;
};

Body shared_body(std::string text);

// Whether upstream could not be asked, or could not answer for now. Everything else is an answer, if only a
// refusal: what the store has says nothing against it.
bool is_unwell(const Error& error);

}  // namespace breakwater::routes
