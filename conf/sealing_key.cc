#include "conf/sealing_key.h"

#include <array>
#include <string>
#include <string_view>

#include "routes/access/seal.h"
#include "routes/transfer/small_file.h"

namespace breakwater::conf {

Result<store::Secret> sealing_key(store::Disk& disk, const std::filesystem::path& data) {
  constexpr size_t kBytes = routes::Seal::kKeyBytes;
  const auto file = data / "sealing-key";
  auto text = routes::read_small_file(disk, file, kBytes);
  if (text && text->size() == kBytes) {
    store::Secret key(*text);
    store::cleanse(*text);
    return key;
  }
  if (!text && text.error().kind != Error::Kind::not_found && text.error().kind != Error::Kind::too_large)
    return failure(text.error());
  std::array<char, kBytes> bytes{};
  store::fill_random(bytes);
  store::Secret key(std::string_view(bytes.data(), bytes.size()));
  store::cleanse(bytes);
  if (auto written = routes::write_small_file(disk, file, key.view()); !written)
    return failure(written.error());
  return key;
}

}  // namespace breakwater::conf
