#pragma once
#include <compare>
#include <memory>
#include <string>
#include <utility>

namespace winnow {

// Text that many hold: copying it copies a pointer, and copies of one are known to be equal without reading them.
class SharedText {
 public:
  SharedText() : SharedText(std::string()) {}
  SharedText(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}
  SharedText(const char* text) : SharedText(std::string(text)) {}

  const std::string& text() const { return *text_; }

  friend bool operator==(const SharedText& a, const SharedText& b) { return a.text_ == b.text_ || *a.text_ == *b.text_; }
  friend std::strong_ordering operator<=>(const SharedText& a, const SharedText& b) {
    return a.text_ == b.text_ ? std::strong_ordering::equal : *a.text_ <=> *b.text_;
  }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace winnow
