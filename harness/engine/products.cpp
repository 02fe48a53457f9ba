#include "harness/engine/products.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "harness/core/error.h"
#include "harness/engine/kernels/product.h"
#include "harness/engine/kernels/rows.h"
#include "harness/engine/parallel.h"

namespace winnow {
namespace {

constexpr std::int64_t kRowsOfTask = 512;
// Multiplications below which waking the other threads costs more than they save.
constexpr std::int64_t kWorthThreads = 1 << 19;

struct Block {
  std::size_t product;
  std::int64_t first_row, first_column;
};

// Room for the result of one task and thread.
float* block_buffer(std::int64_t rows) {
  thread_local std::vector<float> buffer;
  if (static_cast<std::int64_t>(buffer.size()) < rows * kBlockColumns) buffer.resize(rows * kBlockColumns);
  return buffer.data();
}

template <class Each>
void for_each_block(const std::vector<Block>& blocks, std::int64_t multiplications, const Each& each) {
  if (multiplications < kWorthThreads) {
    for (const Block& block : blocks) each(block);
  } else {
    run_tasks(static_cast<std::int64_t>(blocks.size()), [&](std::int64_t index) { each(blocks[index]); });
  }
}

void add_blocks(std::vector<Block>& blocks, std::size_t product, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t row = 0; row < rows; row += kRowsOfTask) {
    for (std::int64_t column = 0; column < columns; column += kBlockColumns) blocks.push_back({product, row, column});
  }
}

template <class T>
const T* values(const at::Tensor& tensor) {
  return tensor.const_data_ptr<T>();
}

}  // namespace

template <class T>
void run_products(const std::vector<Product<T>>& products) {
  std::vector<Block> blocks;
  std::int64_t multiplications = 0;
  for (std::size_t index = 0; index < products.size(); ++index) {
    const at::Tensor& weight = products[index].linear->weight;
    WINNOW_CHECK(weight.is_contiguous());
    add_blocks(blocks, index, products[index].row_count, weight.size(0));
    multiplications += products[index].row_count * weight.numel();
  }
  for_each_block(blocks, multiplications, [&](const Block& block) {
    const Product<T>& product = products[block.product];
    const std::int64_t depth = product.linear->weight.size(1), width = product.linear->weight.size(0);
    const std::int64_t rows = std::min(kRowsOfTask, product.row_count - block.first_row), columns = std::min(kBlockColumns, width - block.first_column);
    float* const result = block_buffer(rows);
    block_product(product.rows + block.first_row, rows, values<T>(product.linear->weight) + block.first_column * depth, depth, columns, depth, result,
                  ProductScratch::of_this_thread());
    const T* bias = product.linear->bias.defined() ? values<T>(product.linear->bias) + block.first_column : nullptr;
    store_block(result, rows, columns, bias, product.out + block.first_row * width + block.first_column, width);
  });
}

template <class T>
void run_gated_products(const std::vector<GatedProduct<T>>& products) {
  std::vector<Block> blocks;
  std::int64_t multiplications = 0;
  for (std::size_t index = 0; index < products.size(); ++index) {
    const GatedMlp& mlp = *products[index].mlp;
    WINNOW_CHECK(mlp.gate.weight.is_contiguous() && mlp.up.weight.is_contiguous() && !mlp.gate.bias.defined() && !mlp.up.bias.defined());
    add_blocks(blocks, index, products[index].row_count, mlp.gate.weight.size(0));
    multiplications += 2 * products[index].row_count * mlp.gate.weight.numel();
  }
  for_each_block(blocks, multiplications, [&](const Block& block) {
    const GatedProduct<T>& product = products[block.product];
    const std::int64_t depth = product.mlp->gate.weight.size(1), width = product.mlp->gate.weight.size(0);
    const std::int64_t rows = std::min(kRowsOfTask, product.row_count - block.first_row), columns = std::min(kBlockColumns, width - block.first_column);
    float* const gate = block_buffer(2 * rows);
    float* const up = gate + rows * kBlockColumns;
    ProductScratch& scratch = ProductScratch::of_this_thread();
    block_product(product.rows + block.first_row, rows, values<T>(product.mlp->gate.weight) + block.first_column * depth, depth, columns, depth, gate, scratch);
    block_product(product.rows + block.first_row, rows, values<T>(product.mlp->up.weight) + block.first_column * depth, depth, columns, depth, up, scratch);
    store_gated_block(gate, up, rows, columns, product.out + block.first_row * width + block.first_column, width);
  });
}

template void run_products(const std::vector<Product<float>>&);
template void run_products(const std::vector<Product<c10::BFloat16>>&);
template void run_gated_products(const std::vector<GatedProduct<float>>&);
template void run_gated_products(const std::vector<GatedProduct<c10::BFloat16>>&);

}  // namespace winnow
