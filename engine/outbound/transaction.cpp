#include "engine/outbound/transaction.hpp"

#include "engine/smtp/text.hpp"

namespace angarium::outbound {

using smtp::Reply;

void Transaction::append_mail(std::string& out) const {
    const auto& facts = attempt_.facts();
    const auto& options = facts.options;
    out += "MAIL FROM:<";
    out += facts.sender.text();
    out += '>';
    if (offered_.size) smtp::append_decimal(out += " SIZE=", facts.size);
    if (offered_.eight_bit_mime && options.body == smtp::Body::eight_bit_mime) out += " BODY=8BITMIME";
    if (offered_.smtputf8 && options.smtputf8) out += " SMTPUTF8";
    if (offered_.dsn) {
        if (options.ret == smtp::Ret::full) out += " RET=FULL";
        if (options.ret == smtp::Ret::headers) out += " RET=HDRS";
        if (options.envelope_id) {
            out += " ENVID=";
            out += options.envelope_id->encoded();
        }
    }
    out += "\r\n";
}

void Transaction::append_rcpt(std::string& out, std::size_t position) const {
    const auto& recipient = attempt_.facts().recipients[attempt_.batch()[position]];
    out += "RCPT TO:<";
    out += recipient.mailbox.text();
    out += '>';
    if (offered_.dsn) {
        if (recipient.notify != smtp::Notify::unspecified) {
            out += " NOTIFY=";
            out += smtp::notify_text(recipient.notify);
        }
        if (recipient.original) {
            out += " ORCPT=";
            out += recipient.original->encoded();
        }
    }
    out += "\r\n";
}

void Transaction::on_mail(const Reply& reply) {
    mail_answered_ = true;
    mail_accepted_ = is_good(Stage::mail, reply);
    if (!mail_accepted_) attempt_.end_batch(judge(Stage::mail, reply));
}

void Transaction::on_rcpt(std::size_t position, const Reply& reply) {
    if (!mail_accepted_) return;  // ended with MAIL; the server only says so again
    if (is_good(Stage::rcpt, reply)) {
        attempt_.take(position);
        ++accepted_;
        if (position == 0 && recipients_told() < recipients()) attempt_.take(recipients() - 1);
    } else if (accepted_ > 0 && is_too_many_recipients(reply)) {
        attempt_.postpone(position);
    } else {
        attempt_.end(position, judge(Stage::rcpt, reply));
    }
}

void Transaction::on_data(const Reply& reply) {
    data_open_ = is_good(Stage::data, reply);
    if (!data_open_ && wants_content()) obstruct(judge(Stage::data, reply));
}

void Transaction::on_chunk(const Reply& reply) {
    if (!is_good(Stage::body, reply) && wants_content()) obstruct(judge(Stage::body, reply));
}

void Transaction::on_end(const Reply& reply) {
    const bool good = is_good(Stage::end_of_data, reply);
    concluded_ = good || data_open_;  // a refused BDAT leaves the transaction open (RFC 3030 section 2)
    if (!wants_content()) return;
    if (good)
        attempt_.deliver(reason_of(reply));
    else
        obstruct(judge(Stage::end_of_data, reply));
}

}  // namespace angarium::outbound
