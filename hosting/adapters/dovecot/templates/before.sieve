# Written by NPanel: what a spam filter marked goes to Junk, before the mailbox's own filters see it.
require ["fileinto", "mailbox"];
if header :is "X-Spam-Flag" "YES" {
    fileinto :create "Junk";
    stop;
}
