#pragma once
#include <ATen/record_function.h>

#include <map>
#include <set>
#include <string>
#include <vector>

namespace winnow::test {

// While it lives: how often this thread called operators that compute or copy, which on a device is about how many kernels it launched. Views and
// allocations are left out, and what lies inside of an operator that counts.
class OperatorCount {
 public:
  OperatorCount() {
    calls().clear();
    open().clear();
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end).scopes({at::RecordScope::FUNCTION}));
  }
  ~OperatorCount() { at::removeCallback(handle_); }
  OperatorCount(const OperatorCount&) = delete;
  OperatorCount& operator=(const OperatorCount&) = delete;

  const std::map<std::string, int>& by_name() const { return calls(); }

 private:
  static std::map<std::string, int>& calls() {
    static thread_local std::map<std::string, int> calls;
    return calls;
  }
  // Of the operators that have begun, the outermost first: whether they lie in one that counts, or are one.
  static std::vector<bool>& open() {
    static thread_local std::vector<bool> open;
    return open;
  }
  // Nothing by themselves; what they call counts.
  static bool is_free(const std::string& name) {
    static const std::set<std::string> names = {
        "aten::view",      "aten::slice",      "aten::select",  "aten::narrow",     "aten::as_strided",    "aten::unsqueeze",  "aten::squeeze",
        "aten::t",         "aten::transpose",  "aten::permute", "aten::expand",     "aten::flatten",       "aten::reshape",    "aten::_reshape_alias",
        "aten::alias",     "aten::detach",     "aten::empty",   "aten::empty_like", "aten::empty_strided", "aten::resize_",    "aten::to",
        "aten::_to_copy",  "aten::contiguous", "aten::clone",   "aten::matmul",     "aten::softmax",       "aten::lift_fresh", "aten::_unsafe_view",
        "aten::index_copy"};
    return names.contains(name);
  }

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    const std::string name = function.name();
    const bool is_inside = !open().empty() && open().back(), counts = !is_inside && !is_free(name);
    if (counts) ++calls()[name];
    open().push_back(is_inside || counts);
    return nullptr;
  }
  static void end(const at::RecordFunction&, at::ObserverContext*) { open().pop_back(); }

  at::CallbackHandle handle_;
};

}  // namespace winnow::test
