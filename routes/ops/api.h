// The table of operations by HTTP: the control socket of the command line, and the admin API.
//
//   GET  /api/v1/<path>?name=value&…       asks
//   POST /api/v1/<path>  {"name": value}   acts; or says what it would do, with "dry_run": true
//
// An answer is JSON: the operation's own, or {"error": {"kind": "not_found", "message": "…"}} with its
// status. What takes minutes tells how far it is to whoever accepts application/x-ndjson: a line
// {"progress": {"bytes", "bytes_total"}} each half second, and at the end {"result": …} or {"error": …}. It
// ends when whoever asked leaves. Who does not see all repositories gets what is left of an answer without
// the others, or `denied` where nothing is (Operation::Tells). GET /api/v1/events is a stream
// (event_stream.h). A body is application/json, so that no page of another site can make a browser send it.
// Belongs to the loop's thread; must outlive the server that uses it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "routes/access/sight.h"
#include "routes/ops/audit.h"
#include "routes/ops/event_stream.h"
#include "routes/ops/operation.h"
#include "routes/ops/server_side.h"
#include "routes/ops/status_summary.h"
#include "store/store.h"

namespace breakwater::routes {

inline constexpr char kControlSocket[] = "control";  // in the data folder
inline constexpr std::string_view kApiPath = "/api/v1/";
inline constexpr std::string_view kNdjson = "application/x-ndjson";

// {"error": …}, and what status it has.
Json error_json(const Error& error);
int api_status_of(const Error& error);

// Who asks, as far as his listener knows.
struct ApiCaller {
  std::string user = {};               // the name that he has proved; "" for none
  Sight sight = {};                    // of everything, over the control socket
  std::function<bool()> goes_on = {};  // as EventsWanted has it
};

class Api {
 public:
  // `workers` run jobs of minutes: they must not be the workers of client requests. `of_hours` run what takes
  // longer, one after the other, so that what takes minutes does not wait for that.
  Api(store::Store& store, ServerSide& server, proxy::Workers& workers, proxy::Workers& of_hours,
      Audit& audit, const EventRing& events)
      : store_(store),
        server_(server),
        workers_(workers),
        of_hours_(of_hours),
        audit_(audit),
        stream_(server.loop(), server.requests(), events, StatusSummary(server)) {}
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  void end_streams() { stream_.end(); }  // of events
  proxy::Task<> serve(proxy::Exchange& exchange) { return serve_to(exchange, ApiCaller()); }
  proxy::Task<> serve_to(proxy::Exchange& exchange, ApiCaller caller);

 private:
  class Run;
  class Noted;
  proxy::Task<> stream(proxy::Exchange& exchange, const ApiCaller& caller, std::string query);
  // The beginning of its line in the audit log; none for what is asked and for a dry run.
  std::optional<AuditEntry> entry_of(const proxy::Exchange& exchange, const ApiCaller& caller,
                                     const Operation& operation, const Arguments& arguments) const;
  // An act that is not tried, because of what it was given.
  void note_refused(const proxy::Exchange& exchange, const ApiCaller& caller, const Operation& operation,
                    const Arguments& arguments, const Error& error);
  // What was done is a line of the audit log.
  proxy::Task<Result<Json>> do_and_note(const proxy::Exchange& exchange, const ApiCaller& caller,
                                        const Operation& operation, Arguments arguments,
                                        std::shared_ptr<Progress> progress);
  proxy::Task<Result<Json>> answer(const proxy::Peer& peer, const ApiCaller& caller,
                                   const Operation& operation, Arguments arguments,
                                   std::shared_ptr<Progress> progress);
  proxy::Task<> run(const proxy::Exchange& exchange, const ApiCaller& caller, std::shared_ptr<Run> run,
                    const Operation& operation, Arguments arguments);
  proxy::Task<> tell_progress(proxy::Exchange& exchange, const ApiCaller& caller, const Operation& operation,
                              Arguments arguments);

  store::Store& store_;
  ServerSide& server_;
  proxy::Workers& workers_;
  proxy::Workers& of_hours_;
  Audit& audit_;
  EventStream stream_;
};

}  // namespace breakwater::routes
