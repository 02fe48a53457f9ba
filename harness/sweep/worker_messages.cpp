#include "harness/sweep/worker_messages.h"

namespace winnow {
namespace {

std::string line_of(const Json& value) { return value.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n"; }

// Texts of other JSON stay texts: nesting is limited to 64 on both sides.
Json cell_to_json(const Cell& cell) {
  return {cell.key, canonical_json(cell.identity), cell.model, cell.variant, cell.task, cell.task_label, cell.model_index, cell.variant_index, cell.task_index};
}

Cell cell_from_json(const Json& json) {
  return {.key = json.at(0),
          .identity = parse_json(json.at(1).get<std::string>(), "the order of a worker"),
          .model = json.at(2),
          .variant = json.at(3),
          .task = json.at(4),
          .task_label = json.at(5),
          .model_index = json.at(6),
          .variant_index = json.at(7),
          .task_index = json.at(8)};
}

// A score that is not finite has no number in JSON, and is not shown.
Json score_to_json(const Metric& score) { return {score.name, score.filter, score.value, score.unit}; }

}  // namespace

std::string to_line(const WorkOrder& order) {
  Json cells = Json::array();
  for (const Cell& cell : order.cells) cells.push_back(cell_to_json(cell));
  return line_of({{"sweep", order.sweep_json},
                  {"folder", order.folder},
                  {"data", order.data},
                  {"takes_unverified_data", order.takes_unverified_data},
                  {"store", order.store},
                  {"cache", order.cache},
                  {"device", order.device},
                  {"threads", order.threads},
                  {"token_budget", order.token_budget},
                  {"environment", order.environment},
                  {"cells", std::move(cells)}});
}

WorkOrder work_order(const std::string& line) {
  const Json json = parse_json(line, "the order of a worker");
  WorkOrder order{.sweep_json = json.at("sweep"),
                  .folder = json.at("folder"),
                  .data = json.at("data"),
                  .takes_unverified_data = json.at("takes_unverified_data"),
                  .store = json.at("store"),
                  .cache = json.at("cache"),
                  .device = json.at("device"),
                  .threads = json.at("threads"),
                  .token_budget = json.at("token_budget"),
                  .environment = json.at("environment"),
                  .cells = {}};
  for (const Json& cell : json.at("cells")) order.cells.push_back(cell_from_json(cell));
  return order;
}

std::string to_line(const WorkerMessage& message) {
  Json json = {{"kind", static_cast<int>(message.kind)}, {"cell", message.cell}};
  if (message.score) json["score"] = score_to_json(*message.score);
  if (message.kind == WorkerMessage::Kind::kProgress) {
    json["examples"] = {message.examples_done, message.examples_total};
    json["tokens"] = message.tokens_forwarded;
  } else if (message.kind == WorkerMessage::Kind::kEnd) {
    json["status"] = static_cast<int>(message.status);
    json["reason"] = message.reason;
    json["seconds"] = message.seconds;
  } else if (message.kind == WorkerMessage::Kind::kError) {
    json["error"] = static_cast<int>(message.error);
    json["sentence"] = message.sentence;
  }
  return line_of(json);
}

std::optional<WorkerMessage> worker_message(const std::string& line) {
  try {
    const Json json = parse_json(line, "a worker's message");
    WorkerMessage message{.kind = static_cast<WorkerMessage::Kind>(json.at("kind").get<int>()), .cell = json.at("cell")};
    if (json.contains("score") && json["score"].at(2).is_number())
      message.score = Metric{.name = json["score"].at(0), .filter = json["score"].at(1), .value = json["score"].at(2), .unit = json["score"].at(3)};
    if (json.contains("examples")) {
      message.examples_done = json["examples"].at(0);
      message.examples_total = json["examples"].at(1);
      message.tokens_forwarded = json.at("tokens");
    }
    if (json.contains("status")) {
      message.status = static_cast<TrialStatus>(json["status"].get<int>());
      message.reason = json.at("reason");
      message.seconds = json.at("seconds");
    }
    if (json.contains("error")) {
      message.error = static_cast<ErrorKind>(json["error"].get<int>());
      message.sentence = json.at("sentence");
    }
    return message;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace winnow
