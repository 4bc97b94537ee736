// RocksDB's file system, over Disk: each operation of RocksDB on a file or a folder is one of Disk, so that
// whatever stands in for the disk in a test stands under RocksDB's log and tables too.
//
//   const auto file_system = make_disk_file_system(disk);
//   const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(file_system);
//   options.env = env.get();   // which outlives the database
//
// It does what RocksDB's own file system for POSIX does: one pwrite for each append, one pread for each read,
// room allocated ahead of the log and given back when it is closed. There is no direct I/O and no memory
// mapping.
//
// LockFile() refuses only a second database of this file system that is open to be written. What keeps other
// processes away is the lock of the whole data folder, FolderLock.
#pragma once

#include <rocksdb/file_system.h>

#include <memory>

#include "store/base/disk.h"

namespace breakwater::store {

// `disk` outlives it. Calls from any thread.
std::shared_ptr<rocksdb::FileSystem> make_disk_file_system(Disk& disk);

}  // namespace breakwater::store
