// Which job of Workers is next. Short jobs go before long ones; how many long ones may run at a time is for
// Workers to say. Among the jobs of a kind the clients take turns, one job each, so that nobody waits for all
// that somebody else has asked for. A job of no client takes a turn of its own.
//
// Not for several threads at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

namespace breakwater::proxy {

// What a job is to those who wait for theirs.
struct JobOf {
  enum class Kind {
    brief,  // reads or writes a little
    // By what a client sent or asks for: it walks over a list, or parses or reads some MiB. It changes
    // nothing, so it is dropped if whoever waits for it has left before it begins.
    lengthy
  };
  constexpr JobOf() = default;  // brief, and of no client
  constexpr JobOf(Kind k, uint64_t c) : kind(k), client(c) {}
  Kind kind = Kind::brief;
  uint64_t client = 0;  // whoever has it asked for, such as Peer::key(); 0: nobody
};

template <class Job>
class JobQueue {
 public:
  void push(const JobOf& of, Job job) {
    auto& turns = of.kind == JobOf::Kind::brief ? brief_ : lengthy_;
    turns.push(of.client, std::move(job));
  }
  // The next job that may begin, if there is one.
  std::optional<Job> pop(bool may_be_lengthy) {
    if (brief_.size() > 0) return brief_.pop();
    if (may_be_lengthy && lengthy_.size() > 0) return lengthy_.pop();
    return std::nullopt;
  }
  size_t size() const { return brief_.size() + lengthy_.size(); }

 private:
  class Turns {
   public:
    void push(uint64_t client, Job job) {
      ++size_;
      if (const auto known = of_client_.find(client); client != 0 && known != of_client_.end()) {
        known->second->jobs.push_back(std::move(job));
        return;
      }
      lines_.push_back(Line{client, {}});
      lines_.back().jobs.push_back(std::move(job));
      if (client != 0) of_client_.emplace(client, std::prev(lines_.end()));
    }
    // There is one.
    Job pop() {
      --size_;
      Line& line = lines_.front();
      Job job = std::move(line.jobs.front());
      line.jobs.pop_front();
      if (!line.jobs.empty()) {
        lines_.splice(lines_.end(), lines_, lines_.begin());
      } else {
        of_client_.erase(line.client);
        lines_.pop_front();
      }
      return job;
    }
    size_t size() const { return size_; }

   private:
    struct Line {
      uint64_t client;
      std::deque<Job> jobs;
    };
    std::list<Line> lines_;  // of the clients that have jobs here; the first one's turn is next
    std::unordered_map<uint64_t, typename std::list<Line>::iterator> of_client_;
    size_t size_ = 0;
  };

  Turns brief_, lengthy_;
};

}  // namespace breakwater::proxy
