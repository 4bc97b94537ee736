// Words for the operator's eye: sizes, times, and columns. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace breakwater::routes {

std::string bytes_words(uint64_t bytes);      // "1.2 GiB", "20 MiB", "512 B"
std::string duration_words(int64_t seconds);  // "45 s", "12 min", "3 h 20 min", "9 days"
std::string count_words(uint64_t count, std::string_view one, std::string_view many);  // "1 tag", "3 tags"

// Rows of cells, as columns of their greatest width. What is a number by its column's mark stands right.
class Columns {
 public:
  // A title for each; one that begins with '>' stands right, which is not printed.
  explicit Columns(std::vector<std::string> titles) : rows_{std::move(titles)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool is_empty() const { return rows_.size() == 1; }
  std::string text() const;  // with line ends

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace breakwater::routes
