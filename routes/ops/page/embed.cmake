# Compresses each file of the bundle and writes what page_files.cc is compiled with.
#
#   cmake -D BUNDLE=… -D OUT=… -D GZIP=… -D ZSTD=… -P embed.cmake
file(GLOB files "${BUNDLE}/*")
list(SORT files)
set(list "")
set(source "/* Made by page/embed.cmake. */\n.section .rodata\n")
set(number 0)

# The bytes of `file` between two symbols.
function(embed symbol file)
  string(APPEND source ".balign 16\n.globl ${symbol}\n.globl ${symbol}_end\n${symbol}:\n.incbin \"${file}\"\n${symbol}_end:\n")
  set(source "${source}" PARENT_SCOPE)
endfunction()

foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME)
  execute_process(COMMAND "${GZIP}" -9 -n -c "${file}" OUTPUT_FILE "${OUT}/${name}.gz" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${ZSTD}" -q -19 -f -o "${OUT}/${name}.zst" "${file}" COMMAND_ERROR_IS_FATAL ANY)
  string(APPEND list "PAGE_FILE(${number}, \"${name}\")\n")
  embed(breakwater_page_${number} "${file}")
  embed(breakwater_page_${number}_gzip "${OUT}/${name}.gz")
  embed(breakwater_page_${number}_zstd "${OUT}/${name}.zst")
  math(EXPR number "${number} + 1")
endforeach()
string(APPEND source ".section .note.GNU-stack,\"\",%progbits\n")
file(WRITE "${OUT}/page_files_list.h" "${list}")
file(WRITE "${OUT}/page_files.S" "${source}")
