// Where the audit log of a configuration goes: to its file, or to the log of the process that serves; for a
// verb that works on the folder while nobody serves it, which has no log of its own, to syslog(3).
#pragma once

#include <memory>

#include "conf/config.h"
#include "routes/ops/audit.h"
#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::conf {

// The error is `invalid`, and says that "audit.file" cannot be opened, and what to do. What is borrowed
// outlives it.
[[nodiscard]] Result<std::unique_ptr<routes::Audit>> open_audit(const Config& config,
                                                                const store::Clock& clock, store::Log& log);
// Before a reload: whether the file can be opened.
[[nodiscard]] Result<> check_audit(const Config& config);

// Takes events to syslog(3), as JSON with the priority of a notice. Nothing is said to who runs the verb.
class SystemLog final : public store::Log {
 public:
  void write(Level level, std::string_view event, std::span<const Field> fields) override;
};

}  // namespace breakwater::conf
