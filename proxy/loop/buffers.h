// One limit for all bytes that wait in memory, whatever the load: request bodies, fills, and replies that do
// not come from a file. Bytes are reserved here before they are read; when the limit is reached, reading
// pauses and senders wait. Each client has a share (clients/clients.h). Belongs to the loop's thread.
#pragma once

#include "proxy/loop/pool.h"

namespace breakwater::proxy {

using Buffers = Pool;
using BufferReservation = PoolReservation;

}  // namespace breakwater::proxy
