#include "pruners/shared/subset_losses.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "harness/core/error.h"
#include "harness/engine/experts.h"

namespace winnow {
namespace {

constexpr std::int64_t kMostChosen = 64;          // top-k of any router in use is far below
constexpr std::int64_t kValuesAtATime = 1 << 24;  // of expert outputs held while Grams are made

std::int64_t places_needed(std::int64_t experts, std::int64_t chosen, std::int64_t most_dropped) { return std::min(experts, chosen + most_dropped); }

// Outputs of every token's first experts in order: [rows, places, hidden].
at::Tensor outputs_in_order(const MoeWeights& moe, const at::Tensor& input, const at::Tensor& order) {
  at::Tensor outputs = at::empty({order.size(0), order.size(1), input.size(1)}, input.options());
  for (std::int64_t expert = 0; expert < std::ssize(moe.experts); ++expert) {
    const std::vector<at::Tensor> hits = at::where(order == expert);
    if (hits[0].numel() > 0) outputs.index_put_({hits[0], hits[1]}, run_mlp(*moe.experts[expert], input.index_select(0, hits[0])));
  }
  return outputs;
}

}  // namespace

struct TokenGrams::Choice {
  std::array<std::int32_t, kMostChosen> place;
  std::array<double, kMostChosen> weight;
};

std::int64_t gram_bytes(std::int64_t tokens, std::int64_t experts, std::int64_t chosen, std::int64_t most_dropped) {
  const std::int64_t places = places_needed(experts, chosen, most_dropped);
  return tokens * ((places + 1) * (places + 1) + experts) * static_cast<std::int64_t>(sizeof(double));
}

TokenGrams::TokenGrams(const RouterConfig& router, const MoeWeights& moe, const at::Tensor& input, const at::Tensor& target, std::int64_t most_dropped)
    : tokens_(input.size(0)),
      experts_(std::ssize(moe.experts)),
      places_(places_needed(experts_, router.experts_per_token, most_dropped)),
      chosen_(std::min(router.experts_per_token, experts_)),
      renormalize_(router.renormalize) {
  WINNOW_CHECK(chosen_ <= kMostChosen);
  const at::Tensor logits = at::linear(input.to(at::kFloat), moe.router);
  const at::Tensor order = std::get<1>(at::sort(logits, /*stable=*/true, /*dim=*/1, /*descending=*/true)).narrow(1, 0, places_);
  const at::Tensor score = (logits - std::get<0>(logits.max(1, /*keepdim=*/true))).to(at::kDouble).exp().cpu().contiguous();
  const at::Tensor order_here = order.to(at::kInt).cpu().contiguous();
  order_.assign(order_here.const_data_ptr<std::int32_t>(), order_here.const_data_ptr<std::int32_t>() + order_here.numel());
  score_.assign(score.const_data_ptr<double>(), score.const_data_ptr<double>() + score.numel());
  gram_.resize(tokens_ * (places_ + 1) * (places_ + 1));
  const std::int64_t rows_at_a_time = std::max<std::int64_t>(1, kValuesAtATime / ((places_ + 1) * input.size(1)));
  for (std::int64_t row = 0; row < tokens_; row += rows_at_a_time) {
    const std::int64_t rows = std::min(rows_at_a_time, tokens_ - row);
    const at::Tensor outputs = outputs_in_order(moe, input.narrow(0, row, rows), order.narrow(0, row, rows));
    const at::Tensor vectors = at::cat({target.narrow(0, row, rows).unsqueeze(1).to(at::kDouble), outputs.to(at::kDouble)}, 1);  // [rows, 1 + places, hidden]
    const at::Tensor gram = at::bmm(vectors, vectors.transpose(1, 2)).cpu().contiguous();
    std::copy_n(gram.const_data_ptr<double>(), gram.numel(), gram_.begin() + row * (places_ + 1) * (places_ + 1));
  }
}

// The token's top-k among the experts that are left, and their weights.
TokenGrams::Choice TokenGrams::choose(std::int64_t token, const std::vector<bool>& is_dropped, int also_dropped) const {
  Choice choice;
  const std::int32_t* order = &order_[token * places_];
  const double* score = &score_[token * experts_];
  double total = 0;
  std::int64_t found = 0;
  for (std::int64_t place = 0; place < places_ && found < chosen_; ++place) {
    const int expert = order[place];
    if (is_dropped[expert] || expert == also_dropped) continue;
    choice.place[found] = static_cast<std::int32_t>(place);
    choice.weight[found++] = score[expert];
    total += score[expert];
  }
  WINNOW_CHECK(found == chosen_);
  if (!renormalize_) {  // softmax over all that are left
    total = 0;
    for (int expert = 0; expert < experts_; ++expert) total += is_dropped[expert] || expert == also_dropped ? 0 : score[expert];
  }
  for (std::int64_t i = 0; i < chosen_; ++i) choice.weight[i] /= total;
  return choice;
}

// ‖target − Σ w f‖² from the token's Gram matrix.
double TokenGrams::square_error(std::int64_t token, const Choice& choice) const {
  const std::int64_t width = places_ + 1;
  const double* gram = &gram_[token * width * width];
  double sum = gram[0];
  for (std::int64_t i = 0; i < chosen_; ++i) {
    const double* row = gram + (choice.place[i] + 1) * width;
    double inner = -2 * row[0] + choice.weight[i] * row[choice.place[i] + 1];
    for (std::int64_t j = 0; j < i; ++j) inner += 2 * choice.weight[j] * row[choice.place[j] + 1];
    sum += choice.weight[i] * inner;
  }
  return std::max(sum, 0.0);  // rounding where nothing changed
}

double TokenGrams::loss(const std::vector<bool>& is_dropped) const {
  double sum = 0;
  for (std::int64_t token = 0; token < tokens_; ++token) sum += square_error(token, choose(token, is_dropped, -1));
  return std::sqrt(sum);
}

std::vector<double> TokenGrams::losses_of_adding(const std::vector<bool>& is_dropped) const {
  std::vector<double> change(experts_, 0.0);
  double sum = 0;
  for (std::int64_t token = 0; token < tokens_; ++token) {
    const Choice now = choose(token, is_dropped, -1);
    const double error = square_error(token, now);
    sum += error;
    const auto add = [&](int expert) { change[expert] += square_error(token, choose(token, is_dropped, expert)) - error; };
    if (renormalize_) {  // only an expert that the token uses makes a difference to it
      for (std::int64_t i = 0; i < chosen_; ++i) add(order_[token * places_ + now.place[i]]);
    } else {
      for (int expert = 0; expert < experts_; ++expert) {
        if (!is_dropped[expert]) add(expert);
      }
    }
  }
  std::vector<double> losses(experts_);
  for (int expert = 0; expert < experts_; ++expert) {
    losses[expert] = is_dropped[expert] ? std::numeric_limits<double>::infinity() : std::sqrt(std::max(sum + change[expert], 0.0));
  }
  return losses;
}

}  // namespace winnow
