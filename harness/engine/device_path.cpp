#include "harness/engine/device_path.h"

namespace winnow {
namespace {

bool forced = false;

}  // namespace

bool takes_device_path(at::Device device) { return forced || !device.is_cpu(); }

ForceDevicePath::ForceDevicePath() { forced = true; }
ForceDevicePath::~ForceDevicePath() { forced = false; }

}  // namespace winnow
