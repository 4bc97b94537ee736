#include "proxy/upstream/curl_multi.h"

#include <event2/event.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace breakwater::proxy {
namespace {

struct FreeEvent {
  void operator()(event* e) const { event_free(e); }
};
struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
using Event = std::unique_ptr<event, FreeEvent>;
using Multi = std::unique_ptr<CURLM, FreeMulti>;

constexpr std::string_view kWork = "what upstreams have sent";  // for whoever looks what holds the loop

// Initialises libcurl for as long as it lives. libcurl counts the initialisations, so there may be several.
class CurlGlobal {
 public:
  CurlGlobal() {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw std::runtime_error("libcurl cannot be initialised");
    // Without asynchronous DNS every look-up would block the loop.
    if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0)
      throw std::runtime_error("this libcurl resolves names synchronously");
  }
  ~CurlGlobal() { curl_global_cleanup(); }
  CurlGlobal(const CurlGlobal&) = delete;
  CurlGlobal& operator=(const CurlGlobal&) = delete;
};

}  // namespace

struct CurlMulti::Impl {
  Impl(Loop& event_loop, uint32_t connections_per_host_max, uint32_t connections_max);

  void add(Transfer& transfer);
  void remove(Transfer& transfer);
  void resume_soon(Transfer& transfer);
  void resume_paused();
  void drive(curl_socket_t socket, int action);
  void finish_ended();
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void* watched);
  static int on_timer(CURLM*, long timeout_ms, void* self);

  Loop& loop;
  CurlGlobal global;
  Event timer;
  Event resume_event;
  std::vector<Transfer*> resuming;
  Multi multi;  // last: its clean-up may still call on_socket and on_timer
};

CurlMulti::Impl::Impl(Loop& event_loop, uint32_t connections_per_host_max, uint32_t connections_max)
    : loop(event_loop),
      timer(evtimer_new(
          loop.base(),
          [](evutil_socket_t, short, void* self) { static_cast<Impl*>(self)->drive(CURL_SOCKET_TIMEOUT, 0); },
          this)),
      resume_event(event_new(
          loop.base(), -1, 0,
          [](evutil_socket_t, short, void* self) { static_cast<Impl*>(self)->resume_paused(); }, this)),
      multi(curl_multi_init()) {
  if (!timer || !resume_event || !multi) throw std::bad_alloc();
  curl_multi_setopt(multi.get(), CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
  curl_multi_setopt(multi.get(), CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi.get(), CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
  curl_multi_setopt(multi.get(), CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS, static_cast<long>(connections_per_host_max));
  if (connections_max == 0) return;
  curl_multi_setopt(multi.get(), CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(connections_max));
  curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max));
}

void CurlMulti::Impl::add(Transfer& transfer) {
  curl_easy_setopt(transfer.easy(), CURLOPT_PRIVATE, &transfer);
  CURLMcode code = curl_multi_add_handle(multi.get(), transfer.easy());
  if (code != CURLM_OK) transfer.end(CURLE_FAILED_INIT);
}

void CurlMulti::Impl::remove(Transfer& transfer) {
  std::erase(resuming, &transfer);
  curl_multi_remove_handle(multi.get(), transfer.easy());
}

void CurlMulti::Impl::resume_soon(Transfer& transfer) {
  if (std::find(resuming.begin(), resuming.end(), &transfer) == resuming.end()) resuming.push_back(&transfer);
  event_active(resume_event.get(), 0, 0);
}

void CurlMulti::Impl::resume_paused() {
  std::vector<Transfer*> batch = std::exchange(resuming, {});
  const Loop::Hold hold(loop, kWork);
  // No Task runs meanwhile, so no Transfer is destroyed.
  for (Transfer* transfer : batch) transfer->resume();
}

int CurlMulti::Impl::on_socket(CURL*, curl_socket_t socket, int what, void* self, void* watched) {
  auto* impl = static_cast<Impl*>(self);
  Event before(static_cast<event*>(watched));
  Event now;
  if (what != CURL_POLL_REMOVE) {
    auto kinds = static_cast<short>(EV_PERSIST | ((what & CURL_POLL_IN) ? EV_READ : 0) |
                                    ((what & CURL_POLL_OUT) ? EV_WRITE : 0));
    auto ready = [](evutil_socket_t fd, short kind, void* argument) {
      static_cast<Impl*>(argument)->drive(
          fd, ((kind & EV_READ) ? CURL_CSELECT_IN : 0) | ((kind & EV_WRITE) ? CURL_CSELECT_OUT : 0));
    };
    before.reset();  // before the new event is added: epoll has one entry for a descriptor
    now.reset(event_new(impl->loop.base(), socket, kinds, ready, impl));
    // Without memory for it nobody drives this socket: the transfer stands still, and its owner's deadline
    // ends it. libcurl is not told, because one error of this callback ends all transfers of the multi
    // handle.
    if (now && event_add(now.get(), nullptr) != 0) now.reset();
  }
  curl_multi_assign(impl->multi.get(), socket, now.release());
  return 0;
}

int CurlMulti::Impl::on_timer(CURLM*, long timeout_ms, void* self) {
  event* timer = static_cast<Impl*>(self)->timer.get();
  if (timeout_ms < 0) {
    evtimer_del(timer);
    return 0;
  }
  timeval after{};
  after.tv_sec = timeout_ms / 1000;
  after.tv_usec = (timeout_ms % 1000) * 1000;
  evtimer_add(timer, &after);
  return 0;
}

void CurlMulti::Impl::drive(curl_socket_t socket, int action) {
  const Loop::Hold hold(loop, kWork);
  int running = 0;
  curl_multi_socket_action(multi.get(), socket, action, &running);
  finish_ended();
}

void CurlMulti::Impl::finish_ended() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    void* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    static_cast<Transfer*>(transfer)->end(code);
  }
}

CurlMulti::CurlMulti(Loop& loop, uint32_t connections_per_host_max, uint32_t connections_max)
    : impl_(std::make_unique<Impl>(loop, connections_per_host_max, connections_max)) {}
CurlMulti::~CurlMulti() = default;

void CurlMulti::add(Transfer& transfer) { impl_->add(transfer); }
void CurlMulti::remove(Transfer& transfer) { impl_->remove(transfer); }
void CurlMulti::resume_soon(Transfer& transfer) { impl_->resume_soon(transfer); }

}  // namespace breakwater::proxy
