#include "routes/ops/audited_requests.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kPush = "push", kDelete = "delete";
constexpr int kClientLeft = 499;

// "" for what is not audited: blobs and uploads come before the manifest that they are for.
std::string_view what_of(std::string_view method, OciPath::Kind kind) {
  if (method == "PUT" && kind == OciPath::Kind::manifest) return kPush;
  const bool is_kept = kind == OciPath::Kind::manifest || kind == OciPath::Kind::blob;
  return method == "DELETE" && is_kept ? kDelete : std::string_view();
}

AuditEntry::Outcome outcome_of(int status) {
  const bool is_refused = status >= 400 && status < 500 && status != kClientLeft;
  return is_refused ? AuditEntry::Outcome::refused : AuditEntry::Outcome::failed;
}

}  // namespace

AuditEntry audit_entry(const ChangingRequest& request, const RegistryChange& change) {
  AuditEntry entry;
  set_peer(entry, request.peer, request.user);
  entry.what = change.kind == RegistryChange::Kind::push ? kPush : kDelete;
  entry.route = change.repository.route;
  entry.repository = change.repository.repository;
  entry.reference = change.reference();
  if (change.before) entry.digest_before = change.before->text();
  if (change.after) entry.digest_after = change.after->text();
  entry.trace = request.id;
  return entry;
}

std::optional<AuditEntry> audit_entry(const proxy::Exchange& exchange, const RequestContext& context,
                                      int status, std::string_view reason) {
  const auto& request = exchange.request();
  if (status < 400 || (request.method != "PUT" && request.method != "DELETE")) return std::nullopt;
  // A request may have been refused before its path was looked at.
  const auto parsed = parse_oci_path(request.target);
  if (!parsed) return std::nullopt;
  const auto what = what_of(request.method, parsed->kind);
  if (what.empty()) return std::nullopt;
  AuditEntry entry;
  set_peer(entry, exchange.peer(), context.user);
  entry.what = what;
  entry.route = context.route;
  entry.repository = parsed->name;
  entry.reference = parsed->reference();
  entry.outcome = outcome_of(status);
  entry.reason = reason;
  entry.trace = context.trace;
  return entry;
}

}  // namespace breakwater::routes
