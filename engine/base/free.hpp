// The deleter for what a C library hands out: std::unique_ptr<BIO, Free<BIO_free>>. Any thread.
#pragma once

namespace angarium {

template <auto function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};

}  // namespace angarium
