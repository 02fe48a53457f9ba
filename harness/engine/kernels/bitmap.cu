// Expands bitmaps of 16-bit weights. Built by nvcc into libwinnow_kernels.so, which the engine opens at run time: no header of torch or of the engine.
#include <cuda_runtime.h>

#include <cstdint>

namespace {

constexpr int kWarpsOfBlock = 8;

// A warp takes a row: each lane a byte of the bitmap, that is eight weights, at a time.
__global__ void expand_rows(const std::uint8_t* bits, const std::uint16_t* values, const std::int64_t* row_begin, std::uint16_t* dense, std::int64_t rows,
                            std::int64_t columns) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarpsOfBlock + threadIdx.y;
  if (row >= rows) return;
  const int lane = static_cast<int>(threadIdx.x);
  const std::int64_t bytes = columns / 8;
  const std::uint8_t* own_bits = bits + row * bytes;
  const std::uint16_t* next = values + row_begin[row];
  uint4* to = reinterpret_cast<uint4*>(dense + row * columns);
  for (std::int64_t first = 0; first < bytes; first += 32) {
    const unsigned mask = first + lane < bytes ? own_bits[first + lane] : 0;
    const int count = __popc(mask);
    int end = count;  // of the lanes up to this one
    for (int step = 1; step < 32; step *= 2) {
      const int before = __shfl_up_sync(0xffffffffu, end, step);
      if (lane >= step) end += before;
    }
    const std::uint16_t* own = next + end - count;
    std::uint32_t pairs[4] = {0, 0, 0, 0};
    for (int bit = 0; bit < 8; ++bit) {
      if (mask & (0x80u >> bit)) pairs[bit / 2] |= static_cast<std::uint32_t>(*own++) << (16 * (bit % 2));
    }
    if (first + lane < bytes) to[first + lane] = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    next += __shfl_sync(0xffffffffu, end, 31);
  }
}

}  // namespace

extern "C" int winnow_expand_bitmap(const void* bits, const void* values, const std::int64_t* row_begin, void* dense, std::int64_t rows, std::int64_t columns,
                                    void* stream) {
  if (rows == 0) return 0;
  const dim3 threads(32, kWarpsOfBlock);
  const auto blocks = static_cast<unsigned>((rows + kWarpsOfBlock - 1) / kWarpsOfBlock);
  expand_rows<<<blocks, threads, 0, static_cast<cudaStream_t>(stream)>>>(static_cast<const std::uint8_t*>(bits), static_cast<const std::uint16_t*>(values),
                                                                          row_begin, static_cast<std::uint16_t*>(dense), rows, columns);
  return static_cast<int>(cudaGetLastError());
}
