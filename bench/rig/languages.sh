#!/bin/sh
# Makes the clips that `npm run bench -- languages --set FOLDER` measures: a folder a language and kind. Needs espeak-ng, ffmpeg
# and, where apt-get knows them, takes real telephone prompts in five languages from Debian's asterisk-core-sounds-*-wav 1.6.1.
# Usage: languages.sh FOLDER
set -eu
out=$1
mkdir -p "$out"

say() { # code voice number text
  mkdir -p "$out/$1.espeak"
  espeak-ng -v "$2" -s 150 -w "$out/$1.espeak/$3.wav" "$4"
}

speak() { # code voice, sentences on standard input
  number=0
  while IFS= read -r text; do
    number=$((number + 1))
    say "$1" "$2" "$number" "$text"
  done
}

speak de de <<'TEXT'
Guten Tag, ich hätte gern einen Termin für nächste Woche, am liebsten am Donnerstag.
Die Rechnung vom letzten Monat ist leider noch nicht bei uns angekommen.
Können Sie mir bitte sagen, wann die Lieferung ungefähr eintrifft?
Wir haben das Angebot gründlich geprüft und möchten es gern annehmen.
Mein Name ist Schneider, ich rufe wegen der Wohnung in der Gartenstraße an.
Das Wetter war gestern so schlecht, dass wir zu Hause geblieben sind.
Bitte warten Sie einen Augenblick, ich verbinde Sie mit der Buchhaltung.
Ich habe den Schlüssel verloren und komme jetzt nicht mehr ins Büro.
TEXT
speak es es <<'TEXT'
Buenos días, quisiera pedir una cita para la semana que viene, si es posible el jueves.
La factura del mes pasado todavía no nos ha llegado.
¿Me puede decir cuándo llegará más o menos el pedido?
Hemos estudiado la oferta con calma y queremos aceptarla.
Me llamo García y llamo por el piso de la calle del jardín.
Ayer hizo tan mal tiempo que nos quedamos en casa todo el día.
Espere un momento, por favor, le paso con el departamento de contabilidad.
He perdido la llave y ahora no puedo entrar en la oficina.
TEXT
speak fr fr <<'TEXT'
Bonjour, je voudrais prendre un rendez-vous pour la semaine prochaine, de préférence jeudi.
La facture du mois dernier ne nous est pas encore parvenue.
Pouvez-vous me dire quand la livraison arrivera à peu près ?
Nous avons bien étudié votre offre et nous souhaitons l'accepter.
Je m'appelle Dubois et je vous appelle au sujet de l'appartement.
Hier il faisait si mauvais que nous sommes restés à la maison.
Veuillez patienter un instant, je vous passe le service comptable.
J'ai perdu la clé et je ne peux plus entrer dans le bureau.
TEXT
speak it it <<'TEXT'
Buongiorno, vorrei prendere un appuntamento per la settimana prossima, possibilmente giovedì.
La fattura del mese scorso non ci è ancora arrivata.
Può dirmi quando arriverà più o meno la consegna?
Abbiamo esaminato bene l'offerta e la vogliamo accettare.
Mi chiamo Rossi e chiamo per l'appartamento di via del giardino.
Ieri il tempo era così brutto che siamo rimasti a casa.
Attenda un momento, per favore, le passo l'ufficio contabilità.
Ho perso la chiave e adesso non posso più entrare in ufficio.
TEXT
speak pt pt <<'TEXT'
Bom dia, gostaria de marcar uma consulta para a próxima semana, de preferência na quinta-feira.
A fatura do mês passado ainda não chegou até nós.
Pode dizer-me quando é que a encomenda deve chegar?
Analisámos a proposta com cuidado e queremos aceitá-la.
Chamo-me Ferreira e estou a ligar por causa do apartamento.
Ontem o tempo estava tão mau que ficámos em casa.
Aguarde um momento, por favor, vou passar ao departamento financeiro.
Perdi a chave e agora não consigo entrar no escritório.
TEXT
speak nl nl <<'TEXT'
Goedemorgen, ik wil graag een afspraak maken voor volgende week, het liefst op donderdag.
De rekening van vorige maand is nog niet bij ons aangekomen.
Kunt u mij zeggen wanneer de bestelling ongeveer wordt bezorgd?
Wij hebben het aanbod goed bekeken en willen het graag aannemen.
Mijn naam is de Vries en ik bel over het huis in de tuinstraat.
Gisteren was het weer zo slecht dat we thuis zijn gebleven.
Een ogenblik geduld alstublieft, ik verbind u door met de boekhouding.
Ik ben de sleutel kwijt en kan nu het kantoor niet meer in.
TEXT
speak pl pl <<'TEXT'
Dzień dobry, chciałbym umówić się na przyszły tydzień, najlepiej w czwartek.
Faktura za ubiegły miesiąc jeszcze do nas nie dotarła.
Czy może mi pani powiedzieć, kiedy mniej więcej przyjdzie przesyłka?
Dokładnie sprawdziliśmy ofertę i chcemy ją przyjąć.
Nazywam się Kowalski i dzwonię w sprawie mieszkania przy ulicy Ogrodowej.
Wczoraj pogoda była tak zła, że zostaliśmy w domu.
Proszę chwileczkę zaczekać, połączę pana z działem księgowości.
Zgubiłem klucz i nie mogę teraz wejść do biura.
TEXT
speak ru ru <<'TEXT'
Добрый день, я хотел бы записаться на следующую неделю, лучше всего на четверг.
Счёт за прошлый месяц к нам ещё не пришёл.
Скажите, пожалуйста, когда примерно привезут наш заказ?
Мы внимательно изучили предложение и хотим его принять.
Меня зовут Иванов, я звоню по поводу квартиры на Садовой улице.
Вчера погода была такая плохая, что мы остались дома.
Подождите минуту, пожалуйста, я соединю вас с бухгалтерией.
Я потерял ключ и теперь не могу попасть в контору.
TEXT
speak tr tr <<'TEXT'
İyi günler, gelecek hafta için bir randevu almak istiyorum, mümkünse perşembe günü.
Geçen ayın faturası bize henüz ulaşmadı.
Siparişin aşağı yukarı ne zaman geleceğini söyleyebilir misiniz?
Teklifinizi dikkatle inceledik ve kabul etmek istiyoruz.
Benim adım Yılmaz, bahçe sokağındaki daire için arıyorum.
Dün hava o kadar kötüydü ki bütün gün evde kaldık.
Lütfen bir dakika bekleyin, sizi muhasebeye bağlıyorum.
Anahtarı kaybettim ve şimdi ofise giremiyorum.
TEXT
speak sv sv <<'TEXT'
God dag, jag skulle vilja boka en tid till nästa vecka, helst på torsdag.
Fakturan för förra månaden har tyvärr inte kommit fram till oss ännu.
Kan ni säga mig ungefär när leveransen kommer fram?
Vi har gått igenom erbjudandet noga och vill gärna ta emot det.
Jag heter Lindgren och ringer om lägenheten på trädgårdsgatan.
I går var vädret så dåligt att vi stannade hemma hela dagen.
Var god vänta ett ögonblick, jag kopplar er till ekonomiavdelningen.
Jag har tappat nyckeln och kommer inte in på kontoret nu.
TEXT
speak hi hi <<'TEXT'
नमस्ते, मुझे अगले हफ्ते के लिए समय चाहिए, हो सके तो गुरुवार को।
पिछले महीने का बिल अभी तक हमें नहीं मिला है।
क्या आप बता सकते हैं कि सामान लगभग कब तक पहुँचेगा?
हमने प्रस्ताव को ध्यान से देखा है और हम उसे मानना चाहते हैं।
मेरा नाम शर्मा है और मैं मकान के बारे में फोन कर रहा हूँ।
कल मौसम इतना खराब था कि हम घर पर ही रहे।
कृपया एक मिनट रुकिए, मैं आपको लेखा विभाग से जोड़ता हूँ।
मेरी चाबी खो गई है और अब मैं दफ्तर में नहीं जा सकता।
TEXT
speak zh cmn <<'TEXT'
你好，我想预约下个星期的时间，最好是星期四。
上个月的账单我们还没有收到。
请问这批货大概什么时候能送到？
我们仔细看过你们的报价，愿意接受。
我姓王，我打电话是想问花园街那套房子的事。
昨天天气太差了，我们一整天都待在家里。
请稍等一下，我帮您转到财务部门。
我把钥匙弄丢了，现在进不了办公室。
TEXT
for voice in en-us en-gb en-us+f3 en-gb+m3; do
  speak "$voice" "$voice" <<'TEXT'
Good morning, I would like to make an appointment for next week, if possible on Thursday.
The invoice for last month has not reached us yet, I am afraid.
Can you please tell me when the delivery will arrive, more or less?
We have looked at the offer very carefully and we would like to accept it.
My name is Schneider and I am calling about the flat in Garden Street.
The weather was so bad yesterday that we stayed at home all day.
Please hold the line for a moment, I will put you through to accounting.
I have lost the key and now I cannot get into the office any more.
TEXT
done

prompts() { # code package folder
  work=$(mktemp -d)
  (cd "$work" && apt-get download "$2" >"$work/log" 2>&1 && dpkg -x ./*.deb .) || { rm -rf "$work"; return 0; }
  mkdir -p "$out/$1.prompts"
  # Of more than 60 kB: words, and not single digits, tones or silence.
  find "$work/usr/share/asterisk/sounds/$3" -maxdepth 1 -name '*.wav' -size +60k -exec cp {} "$out/$1.prompts/" \;
  rm -rf "$work"
}
prompts es asterisk-core-sounds-es-wav es_MX_f_Allison
prompts fr asterisk-core-sounds-fr-wav fr_CA_f_June
prompts it asterisk-core-sounds-it-wav it_IT_m_Carlo
prompts ru asterisk-core-sounds-ru-wav ru_RU_f_IvrvoiceRU
prompts en asterisk-core-sounds-en-wav en_US_f_Allison

# English through a telephone, in noise and quiet: what must not be taken for another language.
for kind in telephone noise loud-noise quiet; do
  mkdir -p "$out/en.$kind"
  for clip in "$out"/en.prompts/*.wav; do
    to="$out/en.$kind/$(basename "$clip")"
    case $kind in
    telephone) ffmpeg -v error -y -i "$clip" -af 'highpass=300,highpass=300,lowpass=3400' -ar 8000 -c:a pcm_mulaw "$to" ;;
    noise) ffmpeg -v error -y -i "$clip" -filter_complex "anoisesrc=r=8000:c=pink:a=0.02:d=60[n];[0][n]amix=duration=first:normalize=0" "$to" ;;
    loud-noise) ffmpeg -v error -y -i "$clip" -filter_complex "anoisesrc=r=8000:c=pink:a=0.34:d=60[n];[0][n]amix=duration=first:normalize=0" "$to" ;;
    quiet) ffmpeg -v error -y -i "$clip" -af 'volume=-20dB' "$to" ;;
    esac
  done
done
