// A line of deliveries that wait for their turn, linked through the deliveries themselves: an empty one is three words and
// nothing is allocated, since there are as many lines as destinations. Owns what stands in it. Owning thread: the shard's.
#pragma once

#include <cstddef>
#include <memory>

#include "queue/delivery.hpp"

namespace angarium::queue {

class DeliveryLine {
  public:
    DeliveryLine() = default;
    DeliveryLine(const DeliveryLine&) = delete;
    DeliveryLine& operator=(const DeliveryLine&) = delete;
    ~DeliveryLine() {
        while (!empty()) pop_front();
    }

    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    void push_back(std::unique_ptr<Delivery> delivery) {
        chain_.push_back(delivery.release()->place_in_line_);
        ++size_;
    }
    void push_front(std::unique_ptr<Delivery> delivery) {
        chain_.push_front(delivery.release()->place_in_line_);
        ++size_;
    }
    // Of a line that is not empty.
    std::unique_ptr<Delivery> pop_front() { return taken(chain_.front()); }
    std::unique_ptr<Delivery> pop_back() { return taken(chain_.back()); }

  private:
    std::unique_ptr<Delivery> taken(Delivery& delivery) {
        delivery.place_in_line_.leave();
        --size_;
        return std::unique_ptr<Delivery>(&delivery);
    }

    Chain<Delivery> chain_;
    std::size_t size_ = 0;
};

}  // namespace angarium::queue
