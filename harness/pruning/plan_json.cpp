#include <fmt/format.h>

#include "harness/core/error.h"
#include "harness/pruning/plan.h"

namespace winnow {
namespace {

constexpr const char* kFormat = "winnow-plan-1";

const std::vector<std::pair<ExpertMerge::Router, const char*>> kRouterNames = {
    {ExpertMerge::Router::kMean, "mean"}, {ExpertMerge::Router::kFirst, "first"}, {ExpertMerge::Router::kKeep, "keep"}};

const char* router_name(ExpertMerge::Router router) {
  for (const auto& [value, name] : kRouterNames) {
    if (value == router) return name;
  }
  WINNOW_CHECK(false);
}

template <class T>
void put_list(Json& object, const char* key, const std::vector<T>& values) {
  if (!values.empty()) object[key] = values;
}

Json layer_to_json(const LayerPlan& layer) {
  Json json = {{"layer", layer.layer}};
  put_list(json, "kept", layer.kept);
  put_list(json, "clusters", layer.clusters);
  put_list(json, "representatives", layer.representatives);
  if (!layer.clusters.empty()) json["merged"] = layer.merged;
  for (const ExpertMerge& merge : layer.merges) {
    json["merges"].push_back({{"into", merge.into}, {"members", merge.members}, {"weights", merge.weights}, {"router", router_name(merge.router)}});
  }
  put_list(json, "scores", layer.scores);
  for (const SubsetLoss& loss : layer.losses) json["losses"].push_back({{"dropped", loss.dropped}, {"loss", loss.loss}});
  if (layer.beta) json["beta"] = *layer.beta;
  if (layer.sparsity) json["sparsity"] = *layer.sparsity;
  return json;
}

// A value of the plan with its place in the file, so that every complaint can name it.
class Field {
 public:
  Field(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  [[noreturn]] void refuse(const std::string& expected) const {
    throw input_error("{}: found {}, expected {}; make the plan again with 'winnow plan'", place_, canonical_json(json_).substr(0, 60), expected);
  }
  Field at(const char* key) const {
    if (!json_.is_object()) refuse("an object");
    if (!json_.contains(key)) refuse(fmt::format("a value for \"{}\"", key));
    return {json_.at(key), fmt::format("{}/{}", place_, key)};
  }
  std::optional<Field> find(const char* key) const {
    if (!json_.is_object()) refuse("an object");
    if (!json_.contains(key)) return std::nullopt;
    return at(key);
  }
  std::string text() const {
    if (!json_.is_string()) refuse("a string");
    return json_.get<std::string>();
  }
  double number() const {
    if (!json_.is_number()) refuse("a number");
    return json_.get<double>();
  }
  bool boolean() const {
    if (!json_.is_boolean()) refuse("true or false");
    return json_.get<bool>();
  }
  std::int64_t integer(std::int64_t maximum) const {
    if (!json_.is_number_integer() || json_ < 0 || json_ > maximum) refuse(fmt::format("an integer from 0 to {}", maximum));
    return json_.get<std::int64_t>();
  }
  int index() const { return static_cast<int>(integer(1'000'000)); }
  template <class Read>
  auto list(Read read) const {
    if (!json_.is_array()) refuse("a list");
    std::vector<decltype(read(*this))> values;
    for (std::size_t i = 0; i < json_.size(); ++i) values.push_back(read(Field(json_[i], fmt::format("{}/{}", place_, i))));
    return values;
  }
  std::vector<int> indices() const {
    return list([](const Field& field) { return field.index(); });
  }
  std::vector<double> numbers() const {
    return list([](const Field& field) { return field.number(); });
  }
  const Json& json() const { return json_; }

 private:
  const Json& json_;
  std::string place_;
};

ExpertMerge merge_from(const Field& field) {
  ExpertMerge merge{.into = field.at("into").index(), .members = field.at("members").indices(), .weights = field.at("weights").numbers()};
  const std::string router = field.at("router").text();
  for (const auto& [value, name] : kRouterNames) {
    if (router == name) {
      merge.router = value;
      return merge;
    }
  }
  field.at("router").refuse("\"mean\", \"first\" or \"keep\"");
}

LayerPlan layer_from(const Field& field) {
  LayerPlan layer{.layer = field.at("layer").index()};
  if (const auto value = field.find("kept")) layer.kept = value->indices();
  if (const auto value = field.find("clusters")) layer.clusters = value->list([](const Field& cluster) { return cluster.indices(); });
  if (const auto value = field.find("representatives")) layer.representatives = value->indices();
  if (const auto value = field.find("merged")) layer.merged = value->boolean();
  if (const auto value = field.find("merges")) layer.merges = value->list(merge_from);
  if (const auto value = field.find("scores")) layer.scores = value->numbers();
  if (const auto value = field.find("losses")) {
    layer.losses = value->list([](const Field& loss) { return SubsetLoss{loss.at("dropped").indices(), loss.at("loss").number()}; });
  }
  if (const auto value = field.find("beta")) layer.beta = value->number();
  if (const auto value = field.find("sparsity")) layer.sparsity = value->number();
  return layer;
}

MaskRecord mask_from(const Field& field) {
  constexpr std::int64_t kMost = std::int64_t{1} << 48;
  return {.name = field.at("name").text(),
          .shape = field.at("shape").list([](const Field& size) { return size.integer(kMost); }),
          .kept = field.at("kept").integer(kMost),
          .sha256 = field.at("sha256").text()};
}

}  // namespace

Json plan_to_json(const PrunePlan& plan) {
  Json json = {{"format", kFormat}, {"model", plan.model}, {"steps", plan.steps}, {"layers", Json::array()}};
  if (plan.total_sparsity) json["total_sparsity"] = *plan.total_sparsity;
  if (!plan.scope.empty()) json["scope"] = plan.scope;
  for (const LayerPlan& layer : plan.layers) json["layers"].push_back(layer_to_json(layer));
  for (const MaskRecord& mask : plan.masks) {
    json["masks"].push_back({{"name", mask.name}, {"shape", mask.shape}, {"kept", mask.kept}, {"sha256", mask.sha256}});
  }
  for (const auto& [threshold, total] : plan.search) json["search"].push_back({threshold, total});
  if (plan.realised) json["realised"] = {{"experts", plan.realised->experts}, {"linears", plan.realised->linears}, {"bytes", plan.realised->bytes}};
  return json;
}

PrunePlan plan_from_json(const Json& json, const std::string& source) {
  const Field root(json, source);
  const std::string format = root.at("format").text();
  if (format != kFormat) {
    throw unsupported_error("{}: found plan format \"{}\", this version reads \"{}\"; make the plan again with 'winnow plan'", source, format, kFormat);
  }
  PrunePlan plan;
  plan.model = root.at("model").text();
  plan.steps = root.at("steps").list([](const Field& step) {
    step.at("pruner").text();
    return step.json();
  });
  plan.layers = root.at("layers").list(layer_from);
  if (const auto value = root.find("total_sparsity")) plan.total_sparsity = value->number();
  if (const auto value = root.find("scope")) plan.scope = value->text();
  if (const auto value = root.find("masks")) plan.masks = value->list(mask_from);
  if (const auto value = root.find("search")) {
    plan.search = value->list([](const Field& trial) {
      if (!trial.json().is_array() || trial.json().size() != 2) trial.refuse("[threshold, total]");
      return std::pair(Field(trial.json()[0], "search").number(), Field(trial.json()[1], "search").integer(1'000'000'000));
    });
  }
  if (const auto value = root.find("realised")) {
    plan.realised = RealisedSparsity{value->at("experts").number(), value->at("linears").number(), value->at("bytes").integer(std::int64_t{1} << 60)};
  }
  return plan;
}

}  // namespace winnow
