// One libcurl multi handle on the Loop. libcurl says which sockets and which moment it waits for; libevent
// waits for them and drives libcurl on.
//
// Belongs to the loop's thread. A Transfer must be removed before it or the CurlMulti is destroyed.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>

#include "proxy/loop/loop.h"

namespace breakwater::proxy {

class CurlMulti {
 public:
  // What the owner of an easy handle is told.
  class Transfer {
   public:
    virtual ~Transfer() = default;
    virtual CURL* easy() = 0;
    virtual void end(CURLcode code) = 0;  // The transfer has ended, or could not begin.
    virtual void resume() = 0;            // Called from the loop after resume_soon().
  };

  // `connections_max` bounds those to all hosts, idle ones too; 0: no bound.
  CurlMulti(Loop& loop, uint32_t connections_per_host_max, uint32_t connections_max);
  ~CurlMulti();
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  void add(Transfer& transfer);
  void remove(Transfer& transfer);
  // Calls transfer.resume() from the top of the loop, because curl_easy_pause() may deliver bytes before it
  // returns.
  void resume_soon(Transfer& transfer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy
