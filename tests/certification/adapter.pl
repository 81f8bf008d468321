#!/usr/bin/env perl
# A client in Perl without retries, and its adapter.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->utf8->allow_nonref;
my %call = (
    track    => ['balances.track', 'item'],
    batch    => ['balances.batch_track', 'items'],
    check    => ['balances.check', 'body'],
    finalize => ['balances.finalize', 'body'],
);
my ($http, $url);

sub configure {
    my ($with) = @_;
    $url  = $with->{base_url};
    $http = HTTP::Tiny->new(
        agent           => 'autumn-perl/0.1',
        timeout         => $with->{timeout_ms} / 1000,
        default_headers => {
            'authorization' => "Bearer $with->{secret_key}",
            'content-type'  => 'application/json',
            'x-api-version' => $with->{api_version} // '2.3.0',
        },
    );
    return { outcome => 'returned' };
}

sub act {
    my ($do, $with) = @_;
    return { outcome => 'returned', value => { client => 'autumn-perl', version => '0.1' } } if $do eq 'hello';
    return configure($with) if $do eq 'configure';
    return { outcome => 'returned' } unless $call{$do};    # flush and close: nothing is kept
    my ($name, $field) = @{ $call{$do} };
    my $reply = $http->post("$url/v1/$name", { content => $json->encode($with->{$field}) });
    my $value = eval { $json->decode($reply->{content}) };
    return { outcome => 'returned', value => $value } if $reply->{success} && ref $value;
    my $status = $reply->{status} == 599 ? undef : $reply->{status};    # 599: there was no reply
    return { outcome => 'raised', error => 'Failed', message => substr($reply->{content}, 0, 200), status => $status };
}

while (my $line = <STDIN>) {
    my $with = $json->decode($line);
    print $json->encode({ id => $with->{id}, %{ act($with->{do}, $with) } }), "\n";
}
