#include "store/catalog/history_records.h"

#include <utility>

#include "store/catalog/record_codec.h"

namespace breakwater::store {
namespace {

void write(Encoder& out, const TrafficCounts& counts) {
  out.number(TrafficCounts::kFields.size());
  for (const auto field : TrafficCounts::kFields) out.number(counts.*field);
}

// A later version may have written more fields than this one knows.
TrafficCounts read_counts(Decoder& in) {
  TrafficCounts counts;
  const uint64_t written = in.number();
  for (uint64_t i = 0; i < written && !in.failed(); ++i) {
    const uint64_t value = in.number();
    if (i < TrafficCounts::kFields.size()) counts.*TrafficCounts::kFields[static_cast<size_t>(i)] = value;
  }
  return counts;
}

void write(Encoder& out, const HeavyTable& table) {
  out.number(table.floor).number(table.entries.size());
  for (const HeavyHitter& entry : table.entries) {
    const Load& load = entry.load;
    out.text(entry.key).number(entry.weight).number(entry.error);
    out.number(load.requests).number(load.bytes_sent);
    out.number(load.upstream_requests).number(load.upstream_bytes);
  }
}

HeavyTable read_table(Decoder& in) {
  HeavyTable table;
  table.floor = in.number();
  for (uint64_t left = in.number(); left > 0 && !in.failed(); --left) {
    HeavyHitter entry;
    entry.key = in.text();
    entry.weight = in.number();
    entry.error = in.number();
    entry.load.requests = in.number();
    entry.load.bytes_sent = in.number();
    entry.load.upstream_requests = in.number();
    entry.load.upstream_bytes = in.number();
    table.entries.push_back(std::move(entry));
  }
  return table;
}

}  // namespace

TrafficCounts& TrafficCounts::operator+=(const TrafficCounts& other) {
  for (const auto field : kFields) this->*field += other.*field;
  return *this;
}

Load& Load::operator+=(const Load& other) {
  requests += other.requests;
  bytes_sent += other.bytes_sent;
  upstream_requests += other.upstream_requests;
  upstream_bytes += other.upstream_bytes;
  return *this;
}

std::string encode(const TrafficRecord& record) {
  Encoder out;
  out.number(record.number).time(record.at);
  write(out, record.counts);
  return out.take();
}

std::string encode(const HeavyRecord& record) {
  Encoder out;
  out.number(record.number).time(record.at);
  write(out, record.by_requests);
  write(out, record.by_bytes);
  return out.take();
}

std::string encode(const GenerationsRecord& record) {
  Encoder out;
  out.number(record.pushes).time(record.imported_at).number(record.imports).time(record.pushed_at);
  out.number(record.generations.size());
  for (const auto& one : record.generations) {
    out.time(one.at).digest(one.digest).number(one.bytes).number(one.layers);
    out.number(one.new_bytes).number(one.new_layers);
  }
  out.number(record.layers.size());
  for (const auto& layer : record.layers)
    out.digest(layer.digest).number(layer.bytes).number(layer.position).number(layer.in);
  return out.take();
}

template <>
Result<TrafficRecord> decode<TrafficRecord>(std::string_view bytes) {
  Decoder in(bytes);
  TrafficRecord record{in.number(), in.time(), read_counts(in)};
  return checked(in, record, "traffic");
}

template <>
Result<HeavyRecord> decode<HeavyRecord>(std::string_view bytes) {
  Decoder in(bytes);
  HeavyRecord record{in.number(), in.time(), read_table(in), read_table(in)};
  return checked(in, std::move(record), "heavy hitters");
}

// A number that is too high ends with the bytes, because each entry takes some.
template <>
Result<GenerationsRecord> decode<GenerationsRecord>(std::string_view bytes) {
  Decoder in(bytes);
  GenerationsRecord record;
  record.pushes = in.number();
  record.imported_at = in.time();
  record.imports = in.number();
  record.pushed_at = in.time();
  for (uint64_t left = in.number(); left > 0 && !in.failed(); --left)
    record.generations.push_back(
        {in.time(), in.digest(), in.number(), in.number(), in.number(), in.number()});
  for (uint64_t left = in.number(); left > 0 && !in.failed(); --left)
    record.layers.push_back({in.digest(), in.number(), in.number(), static_cast<uint32_t>(in.number())});
  return checked(in, std::move(record), "generations");
}

}  // namespace breakwater::store
