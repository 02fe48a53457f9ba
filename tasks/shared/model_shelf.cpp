#include "tasks/shared/model_shelf.h"

#include <algorithm>

namespace winnow {
namespace {

// How many of the first there is room for beside any one of the others.
std::size_t count_held(const std::vector<double>& bytes, double room) {
  double held = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const double largest_guest = i + 1 < bytes.size() ? *std::max_element(bytes.begin() + static_cast<std::ptrdiff_t>(i) + 1, bytes.end()) : 0;
    if (held + bytes[i] + largest_guest > room) return i;
    held += bytes[i];
  }
  return bytes.size();
}

}  // namespace

ModelShelf::ModelShelf(MeasuredModel& model, const std::vector<VariantNumber>& variants, double memory_share) : model_(model) {
  std::vector<double> bytes, host_bytes;
  for (const VariantNumber variant : variants) {
    const ModelSize size = model.size(variant);
    bytes.push_back(static_cast<double>(size.stored_bytes - size.streamed_bytes + size.slot_bytes));
    host_bytes.push_back(static_cast<double>(size.streamed_bytes));
  }
  const std::size_t held = std::min(count_held(bytes, memory_share * static_cast<double>(model.available_bytes())),
                                    count_held(host_bytes, memory_share * static_cast<double>(model.available_host_bytes())));
  for (std::size_t i = 0; i < held; ++i) held_[variants[i]] = nullptr;
  holds_all_ = held_.size() == variants.size();
}

TimedModel& ModelShelf::at(VariantNumber variant) {
  const auto held = held_.find(variant);
  if (held != held_.end()) {
    if (!held->second) held->second = model_.open(variant);
    return *held->second;
  }
  if (guest_number_ != variant || !guest_) {
    guest_.reset();  // before the next one is read
    guest_ = model_.open(variant);
    guest_number_ = variant;
  }
  return *guest_;
}

void ModelShelf::drop(VariantNumber variant) {
  if (const auto held = held_.find(variant); held != held_.end())
    held->second.reset();
  else if (guest_number_ == variant)
    guest_.reset();
}

}  // namespace winnow
