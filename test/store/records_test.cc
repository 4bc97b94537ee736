#include "store/catalog/records.h"

#include "store/catalog/history_records.h"
#include "test/catch.h"

namespace breakwater::store {
namespace {

const Digest kShort = digest_of(Algorithm::sha256, std::string("short"));
const Digest kLong = digest_of(Algorithm::sha512, std::string("long"));

Time at(int64_t ms) { return Time(std::chrono::milliseconds(ms)); }

TEST_CASE("each record is decoded as it was encoded") {
  const auto tag =
      decode<TagRecord>(encode(TagRecord{kLong, "application/json", at(-5), at(1'700'000'000'000)}));
  REQUIRE(tag);
  CHECK(tag->digest == kLong);
  CHECK(tag->media_type == "application/json");
  CHECK(tag->set_at == at(-5));
  CHECK(tag->checked_at == at(1'700'000'000'000));

  const TagHistoryRecord seen{{{kShort, at(1)}, {kLong, at(1'700'000'000'000)}}};
  const auto history = decode<TagHistoryRecord>(encode(seen));
  REQUIRE(history);
  CHECK(history->sightings == seen.sightings);
  CHECK(decode<TagHistoryRecord>(encode(TagHistoryRecord()))->sightings.empty());

  const auto manifest = decode<ManifestRecord>(
      encode(ManifestRecord{"type", UINT64_MAX, kShort, std::string("a\0b", 3), at(3), at(4)}));
  REQUIRE(manifest);
  CHECK(manifest->size == UINT64_MAX);
  CHECK(manifest->subject == kShort);
  CHECK(manifest->artifact_type == std::string("a\0b", 3));
  CHECK(manifest->pushed_at == at(3));
  CHECK(manifest->kept_until == at(4));
  CHECK_FALSE(decode<ManifestRecord>(encode(ManifestRecord{}))->subject);

  const auto edge = decode<EdgeRecord>(encode(EdgeRecord{"layer", 300, true}));
  REQUIRE(edge);
  CHECK(edge->media_type == "layer");
  CHECK(edge->size == 300);
  CHECK(edge->is_manifest);

  const auto referrer = decode<ReferrerRecord>(encode(ReferrerRecord{"{}", "sbom", 3000}));
  REQUIRE(referrer);
  CHECK(referrer->descriptor == "{}");
  CHECK(referrer->artifact_type == "sbom");
  CHECK(referrer->whole_bytes == 3000);
  CHECK(referrer->listed_bytes() == 3000);
  CHECK(ReferrerRecord{"{}", "sbom"}.listed_bytes() == 2);

  TrafficRecord bucket{7, at(5), {}};
  for (size_t i = 0; i < TrafficCounts::kFields.size(); ++i) bucket.counts.*TrafficCounts::kFields[i] = i + 1;
  const auto traffic = decode<TrafficRecord>(encode(bucket));
  REQUIRE(traffic);
  CHECK(traffic->number == 7);
  CHECK(traffic->at == at(5));
  CHECK(traffic->counts == bucket.counts);

  HeavyRecord day{3, at(6), {{{std::string("a\0b", 3), {1, 2, 3, 4}, 5, 6}}, 7}, {}};
  const auto heavy = decode<HeavyRecord>(encode(day));
  REQUIRE(heavy);
  REQUIRE(heavy->by_requests.entries.size() == 1);
  CHECK(heavy->by_requests.entries[0].key == std::string("a\0b", 3));
  CHECK(heavy->by_requests.entries[0].load == Load{1, 2, 3, 4});
  CHECK(heavy->by_requests.entries[0].error == 6);
  CHECK(heavy->by_requests.floor == 7);
  CHECK(heavy->by_bytes.entries.empty());

  GenerationsRecord pushed;
  pushed.pushes = 9;
  pushed.generations.push_back({at(1), kShort, 2, 3, 4, 5});
  pushed.layers.push_back({kLong, 6, 7, 8});
  pushed.imported_at = at(10);
  pushed.imports = 11;
  const auto generations = decode<GenerationsRecord>(encode(pushed));
  REQUIRE(generations);
  CHECK(encode(*generations) == encode(pushed));
  CHECK(generations->generations[0].new_layers == 5);
  CHECK(generations->layers[0].in == 8);

  CHECK(decode<LinkRecord>(encode(LinkRecord())));

  const auto upload = decode<UploadRecord>(
      encode(UploadRecord{"private", "a/b", Algorithm::sha512, at(9), true, at(7), "10.0.0.7"}));
  REQUIRE(upload);
  CHECK(upload->route == "private");
  CHECK(upload->repository == "a/b");
  CHECK(upload->algorithm == Algorithm::sha512);
  CHECK(upload->touched_at == at(9));
  CHECK(upload->is_abandoned);
  CHECK(upload->begun_at == at(7));
  CHECK(upload->client == "10.0.0.7");

  CHECK(decode<PinRecord>(encode(PinRecord{at(5)}))->pinned_at == at(5));

  const auto token = decode<TokenRecord>(
      encode(TokenRecord{"ci", {"pull", "push"}, {"cache/*"}, "uid 0", at(1), at(2), at(3), at(4), at(5)}));
  REQUIRE(token);
  CHECK(token->name == "ci");
  CHECK(token->may == std::vector<std::string>{"pull", "push"});
  CHECK(token->repositories == std::vector<std::string>{"cache/*"});
  CHECK(token->made_by == "uid 0");
  CHECK(token->created_at == at(1));
  CHECK(token->expires_at == at(2));
  CHECK(token->expires_at_wall == at(3));
  CHECK(token->last_used_at == at(4));
  CHECK(token->revoked_at == at(5));

  const auto blob = decode<BlobRecord>(encode(BlobRecord{1, "ghcr", at(2), at(3)}));
  REQUIRE(blob);
  CHECK(blob->size == 1);
  CHECK(blob->route == "ghcr");
  CHECK(blob->used_at == at(3));
  CHECK(decode<BlobRecord>(encode(BlobRecord{1, "ghcr", at(2), at(3), "10.0.0.7"}))->client == "10.0.0.7");
  CHECK(decode<BackupRecord>(encode(BackupRecord{at(4)}))->made_at == at(4));

  const auto lease = decode<LeaseRecord>(encode(LeaseRecord{at(1), at(2), 3, at(4)}));
  REQUIRE(lease);
  CHECK(lease->read == at(1));
  CHECK(lease->inherited == at(4));
  CHECK(lease->upload == at(2));
  CHECK(lease->uploads == 3);
}

TEST_CASE("a record cut at any byte is corrupt, unless an older writer ended there") {
  const std::string bytes = encode(BlobRecord{5, "quay", at(300), at(70'000)});
  // Where the last two fields begin, which came later.
  const size_t client = bytes.size() - 1, used_at = client - 3;
  const auto shortest = decode<BlobRecord>(std::string_view(bytes).substr(0, used_at));
  REQUIRE(shortest);
  CHECK(shortest->stored_at == at(300));
  CHECK(shortest->used_at == Time{});
  const auto shorter = decode<BlobRecord>(std::string_view(bytes).substr(0, client));
  REQUIRE(shorter);
  CHECK(shorter->used_at == at(70'000));
  CHECK(shorter->client.empty());
  for (size_t size = 0; size < bytes.size(); ++size) {
    if (size == used_at || size == client) continue;
    const auto record = decode<BlobRecord>(std::string_view(bytes).substr(0, size));
    REQUIRE_FALSE(record);
    CHECK(record.error().kind == Error::Kind::corrupt);
  }
}

// Byte for byte as version 0.1 wrote them, with fields that are not kept any more.
TEST_CASE("records of the version before are read, and what is written now it can read") {
  const std::string link("\1\x0a", 2);
  CHECK(decode<LinkRecord>(link));
  CHECK(encode(LinkRecord()).size() == link.size());
  std::string tag = encode(TagRecord{kShort, "type", at(1), at(2)});
  tag += '\x09';  // last pulled
  CHECK(decode<TagRecord>(tag)->checked_at == at(2));
  const std::string upload = std::string("\1\1p\1a", 5) + std::string("\0\x20\x09", 3);
  CHECK(decode<UploadRecord>(upload)->touched_at == at(9));
  // Behind it stands what that version ignores.
  CHECK(encode(UploadRecord{"p", "a", Algorithm::sha256, at(9)}).size() == upload.size() + 3);
  CHECK_FALSE(decode<UploadRecord>(upload)->is_abandoned);
  CHECK(decode<UploadRecord>(upload)->begun_at == Time());
  CHECK(decode<UploadRecord>(upload)->client.empty());
}

TEST_CASE("bytes behind the known fields are a newer writer's and are ignored") {
  CHECK(decode<BlobRecord>(encode(BlobRecord{5, "quay", at(1), at(2)}) + "more")->size == 5);
}

TEST_CASE("a record of an unknown version is corrupt") {
  std::string bytes = encode(LinkRecord());
  bytes[0] = 2;
  CHECK(decode<LinkRecord>(bytes).error().kind == Error::Kind::corrupt);
}

TEST_CASE("a length or a number that cannot be is corrupt") {
  const std::string endless = std::string(1, '\1') + std::string(20, '\xff');
  CHECK_FALSE(decode<LinkRecord>(endless));
  CHECK_FALSE(decode<BlobRecord>(endless));
  CHECK_FALSE(decode<ReferrerRecord>(std::string("\1\x7f", 2) + "short"));
  CHECK_FALSE(decode<TagHistoryRecord>(endless));
  CHECK_FALSE(
      decode<TagHistoryRecord>(std::string("\1\x7f", 2) + encode(TagHistoryRecord{{{kShort, at(1)}}})));
  std::string upload = encode(UploadRecord{"", "", Algorithm::sha512, at(0)});
  upload[3] = 9;  // the algorithm
  CHECK_FALSE(decode<UploadRecord>(upload));
}

}  // namespace
}  // namespace breakwater::store
